//! What the variables come to.

use super::*;

fn of(variables: &[(&str, &str)]) -> Result<Login, LoginError> {
    Login::of(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
}

fn request_of(variables: &[(&str, &str)]) -> (String, Value, Wanted) {
    match of(&[&[("OS_AUTH_URL", "https://k/identity")], variables].concat()).unwrap().way {
        Way::V3 { url, request, wanted } => (url.to_string(), request, wanted),
        Way::V1 { .. } => panic!("v1"),
    }
}

#[test]
fn a_password_is_asked_with_user_and_project() {
    let (url, request, wanted) = request_of(&[
        ("OS_USERNAME", "u"),
        ("OS_PASSWORD", "p"),
        ("OS_USER_DOMAIN_NAME", "Default"),
        ("OS_PROJECT_NAME", "acme"),
        ("OS_REGION_NAME", "R1"),
        ("OS_INTERFACE", "internalURL"),
    ]);
    assert_eq!(url, "https://k/identity/v3/auth/tokens");
    let user = json!({"name": "u", "domain": {"name": "Default"}, "password": "p"});
    let identity = json!({"methods": ["password"], "password": {"user": user}});
    let scope = json!({"project": {"name": "acme", "domain": {"id": "default"}}});
    assert_eq!(request, json!({"auth": {"identity": identity, "scope": scope}}));
    assert_eq!(wanted, Wanted { interface: "internal".into(), region: Some("R1".into()) });
}

#[test]
fn ids_win_over_names() {
    let (_, request, wanted) = request_of(&[
        ("OS_USER_ID", "1"),
        ("OS_PASSWORD", "p"),
        ("OS_PROJECT_ID", "2"),
        ("OS_USERNAME", "u"),
    ]);
    let identity = json!({"methods": ["password"], "password": {"user": {"id": "1", "password": "p"}}});
    assert_eq!(request, json!({"auth": {"identity": identity, "scope": {"project": {"id": "2"}}}}));
    assert_eq!(wanted, Wanted { interface: "public".into(), region: None });
}

#[test]
fn an_application_credential_names_no_project() {
    let credential = |given: Value| json!({"auth": {"identity": {"methods": ["application_credential"], "application_credential": given}}});
    let secret = ("OS_APPLICATION_CREDENTIAL_SECRET", "s");
    let (_, request, _) =
        request_of(&[secret, ("OS_APPLICATION_CREDENTIAL_ID", "i"), ("OS_PROJECT_NAME", "acme")]);
    assert_eq!(request, credential(json!({"secret": "s", "id": "i"})));
    let (_, request, _) = request_of(&[secret, ("OS_APPLICATION_CREDENTIAL_NAME", "n"), ("OS_USER_ID", "1")]);
    assert_eq!(request, credential(json!({"secret": "s", "name": "n", "user": {"id": "1"}})));
}

#[test]
fn what_does_not_suffice_is_refused_by_its_reason() {
    let keystone = ("OS_AUTH_URL", "https://k/v3/");
    let password = ("OS_PASSWORD", "p");
    for (variables, error) in [
        (&[][..], LoginError::None),
        (&[("ST_USER", "u"), ("ST_KEY", "k")], LoginError::None),
        (&[("ST_AUTH", "http://h/auth"), ("ST_USER", "u")], LoginError::Lacks("ST_KEY")),
        (&[("ST_AUTH", "http://u:secret@h"), ("ST_USER", "u"), ("ST_KEY", "k")], LoginError::Url("ST_AUTH")),
        (&[keystone], LoginError::Lacks("OS_USERNAME")),
        (&[keystone, ("OS_USERNAME", "")], LoginError::Lacks("OS_USERNAME")),
        (&[keystone, ("OS_USERNAME", "u")], LoginError::Lacks("OS_PASSWORD")),
        (
            &[keystone, ("OS_AUTH_TYPE", "v3applicationcredential")],
            LoginError::Lacks("OS_APPLICATION_CREDENTIAL_SECRET"),
        ),
        (&[("OS_AUTH_URL", "https://k/v2.0/")], LoginError::Version),
        (
            &[keystone, ("OS_USERNAME", "u"), password, ("OS_INTERFACE", "x")],
            LoginError::Interface("x".into()),
        ),
    ] {
        assert_eq!(of(variables).map(|_| ()), Err(error), "{variables:?}");
    }
}

#[test]
fn nothing_secret_is_shown() {
    let v1 = of(&[("ST_AUTH", "http://h/auth"), ("ST_USER", "u"), ("ST_KEY", "hidden")]).unwrap();
    let v3 = of(&[("OS_AUTH_URL", "http://h"), ("OS_USER_ID", "u"), ("OS_PASSWORD", "hidden")]).unwrap();
    for login in [v1, v3] {
        assert!(!format!("{login:?}").contains("hidden"));
    }
}
