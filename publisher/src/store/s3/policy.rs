//! The bucket's policy with our statement in it. Pure.
//!
//! What others have said stays as it is, and what cannot be read is not written over.

use serde_json::{Map, Value, json};

/// Whose statement it is. Stores in one bucket share it.
const SID: &str = "StaticRegistryEverybodyReads";

/// Why a policy is left alone.
#[derive(Debug, thiserror::Error)]
pub(super) enum PolicyError {
    #[error("the bucket's policy is no JSON object")]
    Unreadable(#[source] serde_json::Error),
    #[error("the bucket's policy has no list of statements")]
    Statements,
    #[error(
        "somebody has changed the statement {SID} in the bucket's policy: change it back, or give it another Sid"
    )]
    Changed,
    #[error("the prefix holds `*`, `?` or `$`, which mean something else in a policy")]
    Prefix,
}

/// The policy that also lets everybody read these resources; `None` where it does already.
pub(super) fn merged(existing: Option<&str>, resources: &[String]) -> Result<Option<String>, PolicyError> {
    // The last `*` is ours.
    if resources.iter().any(|resource| resource.trim_end_matches('*').contains(['*', '?', '$'])) {
        return Err(PolicyError::Prefix);
    }
    let mut policy: Map<String, Value> = match existing {
        Some(text) => serde_json::from_str(text).map_err(PolicyError::Unreadable)?,
        None => Map::from_iter([("Version".to_owned(), json!("2012-10-17"))]),
    };
    let mut statements = match policy.remove("Statement") {
        None if existing.is_none() => Vec::new(),
        Some(Value::Array(statements)) => statements,
        Some(one @ Value::Object(_)) => vec![one],
        _ => return Err(PolicyError::Statements),
    };
    match statements.iter_mut().find(|statement| statement["Sid"] == SID) {
        Some(ours) => {
            let mut granted = resources_of(ours).ok_or(PolicyError::Changed)?;
            let before = granted.len();
            granted
                .extend(resources.iter().filter(|new| !granted.contains(new)).cloned().collect::<Vec<_>>());
            if granted.len() == before {
                return Ok(None);
            }
            *ours = statement(&granted);
        }
        None => statements.push(statement(resources)),
    }
    policy.insert("Statement".to_owned(), Value::Array(statements));
    Ok(Some(Value::Object(policy).to_string()))
}

fn statement(resources: &[String]) -> Value {
    json!({ "Sid": SID, "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": resources })
}

/// What our statement grants. `None` where it is not as we wrote it: stores write single values as lists, and `*` as a
/// map.
fn resources_of(statement: &Value) -> Option<Vec<String>> {
    let list = |value: &Value| match value {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(all) => all.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => None,
    };
    let principal = &statement["Principal"];
    let everybody = list(principal).or_else(|| list(&principal["AWS"])).is_some_and(|who| who == ["*"]);
    let known = ["Sid", "Effect", "Principal", "Action", "Resource"];
    let ours = statement.as_object()?.keys().all(|key| known.contains(&key.as_str()))
        && statement["Effect"] == "Allow"
        && everybody
        && list(&statement["Action"])? == ["s3:GetObject"];
    if ours { list(&statement["Resource"]) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources(prefix: &str) -> Vec<String> {
        vec![format!("arn:aws:s3:::b/{prefix}docker/*")]
    }

    fn value(text: Option<String>) -> Value {
        serde_json::from_str(&text.unwrap()).unwrap()
    }

    #[test]
    fn our_statement_stands_beside_those_of_others() {
        let others = json!({"Version": "2008-10-17", "Id": "x", "Statement":
            {"Sid": "Deny", "Effect": "Deny", "Principal": {"AWS": ["arn:aws:iam::1:root"]}, "Action": "*", "Resource": "*",
             "Condition": {"Bool": {"aws:SecureTransport": "false"}}}});
        let mut expected = others.clone();
        expected["Statement"] = json!([others["Statement"], statement(&resources(""))]);
        let once = merged(Some(&others.to_string()), &resources("")).unwrap();
        assert_eq!(value(once.clone()), expected);
        assert_eq!(merged(once.as_deref(), &resources("")).unwrap(), None);
        let twice = merged(once.as_deref(), &resources("p/")).unwrap();
        let both = json!(["arn:aws:s3:::b/docker/*", "arn:aws:s3:::b/p/docker/*"]);
        assert_eq!(value(twice)["Statement"][1]["Resource"], both);
    }

    #[test]
    fn a_bucket_without_a_policy_gets_one() {
        let policy = value(merged(None, &resources("p/")).unwrap());
        assert_eq!(policy, json!({"Version": "2012-10-17", "Statement": [statement(&resources("p/"))]}));
    }

    #[test]
    fn what_stores_make_of_it_is_known_again() {
        let stored = json!({"Statement": [{"Sid": SID, "Effect": "Allow", "Principal": {"AWS": ["*"]},
            "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::b/docker/*"}]});
        assert_eq!(merged(Some(&stored.to_string()), &resources("")).unwrap(), None);
    }

    #[test]
    fn what_cannot_be_read_is_not_touched() {
        let narrowed = json!({"Statement": [{"Sid": SID, "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::b/docker/*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}]});
        let narrowed = narrowed.to_string();
        for (policy, error) in [
            ("<xml/>", "no JSON object"),
            ("[]", "no JSON object"),
            ("{}", "no list of statements"),
            (r#"{"Statement":"x"}"#, "no list of statements"),
            (narrowed.as_str(), "somebody has changed"),
        ] {
            let said = merged(Some(policy), &resources("p/")).unwrap_err().to_string();
            assert!(said.contains(error), "{policy}: {said}");
        }
        assert!(matches!(merged(None, &resources("*/")), Err(PolicyError::Prefix)));
    }
}
