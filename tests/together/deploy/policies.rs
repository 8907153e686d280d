//! Who may do what in a bucket: the files agree with each other and with the program, hold the contract's folders, and
//! are enough.

use std::fs;

use contract::key::Prefix;
use serde_json::{Value, json};

use super::{deploy, source};
use crate::rig::ours::publisher;
use crate::rig::process::{limited, must};
use crate::rig::seaweed::{OWNER, STRANGER, seaweed};
use crate::rig::yaml::{documents, python_program};

fn policy(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(deploy(name)).unwrap()).unwrap()
}

/// `{"Fn::Sub": text}` with what CloudFormation would put in as the files have it.
fn substituted(value: &Value) -> Value {
    match value {
        Value::Object(map) => match map.get("Fn::Sub") {
            Some(Value::String(text)) => {
                json!(text.replace("${AWS::Partition}", "aws").replace("${Bucket}", "BUCKET"))
            }
            _ => map.iter().map(|(key, value)| (key.clone(), substituted(value))).collect(),
        },
        Value::Array(all) => all.iter().map(substituted).collect(),
        other => other.clone(),
    }
}

fn template() -> Value {
    substituted(&documents(&deploy("cloudfront.yaml"))[0])["Resources"].clone()
}

#[test]
fn what_everybody_reads_is_what_init_grants() {
    let dry = publisher(OWNER, &["init", &format!("s3://bucket?endpoint={}", seaweed().url()), "--dry-run"]);
    let start = dry.stdout.find(r#"{"Version""#).unwrap_or_else(|| panic!("{dry:?}"));
    let mut printed = serde_json::Deserializer::from_str(&dry.stdout[start..]).into_iter::<Value>();
    let printed = printed.next().unwrap().unwrap().to_string().replace(":::bucket/", ":::BUCKET/");
    let file = policy("s3-public-read.json");
    assert_eq!(file["Statement"][0], serde_json::from_str::<Value>(&printed).unwrap()["Statement"][0]);
}

#[test]
fn cloudfront_reads_what_everybody_would() {
    let mut statements = template()["BucketPolicy"]["Properties"]["PolicyDocument"]["Statement"].clone();
    for statement in statements.as_array_mut().unwrap() {
        let statement = statement.as_object_mut().unwrap();
        assert_eq!(
            statement.insert("Principal".into(), json!("*")),
            Some(json!({"Service": "cloudfront.amazonaws.com"}))
        );
        let condition = statement.remove("Condition").unwrap();
        let distribution = condition["StringEquals"]["AWS:SourceArn"].as_str().unwrap();
        assert!(distribution.ends_with(":distribution/${Distribution}"), "{condition}");
    }
    assert_eq!(statements, policy("s3-public-read.json")["Statement"]);
}

#[test]
fn publishers_write_what_is_in_the_contract() {
    let file = policy("s3-publisher.json");
    assert_eq!(template()["PublisherPolicy"]["Properties"]["PolicyDocument"], file);
    let own = Prefix::Segments.path();
    let own = format!("{}/", own.split('/').next().unwrap());
    let written: Vec<String> = Prefix::PUBLIC
        .into_iter()
        .filter(|path| path.ends_with('/'))
        .chain([&*own])
        .map(|folder| format!("arn:aws:s3:::BUCKET/{folder}*"))
        .collect();
    assert_eq!(file["Statement"][1]["Resource"], json!(written));
}

#[test]
fn the_template_is_as_cloudformation_wants_it() {
    must(limited(python_program("cfn-lint")).arg(deploy("cloudfront.yaml")));
}

/// Somebody whom the store allows nothing but what the file says publishes, moves a tag and removes it.
#[test]
fn a_publisher_needs_no_more() {
    let name = "least-privilege";
    let mut statements = policy("s3-publisher.json")["Statement"].as_array().unwrap().clone();
    for statement in &mut statements {
        statement["Principal"] = json!({"AWS": "arn:aws:iam::000000000000:user/stranger"});
    }
    statements.extend(policy("s3-public-read.json")["Statement"].as_array().unwrap().clone());
    let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string().replace("BUCKET", name);
    seaweed().create_public_bucket(name);
    seaweed().set_policy(name, &text);

    let store = format!("s3://{name}?endpoint={}", seaweed().url());
    let source = source();
    let image = source.path().to_str().unwrap();
    for arguments in [
        &["publish", image, "acme/app:1", "acme/app:2", "--to", &store][..],
        &["tag", "acme/app:1", "acme/app:2", "acme/other:1", "--in", &store],
        &["remove", "acme/app:1", "--from", &store],
        &["relist", &store],
    ] {
        let run = publisher(STRANGER, arguments);
        assert_eq!(run.code, Some(0), "{arguments:?}\n{}", run.stderr);
    }
    let elsewhere = format!("s3://{name}/elsewhere?endpoint={}", seaweed().url());
    let refused = publisher(STRANGER, &["publish", image, "acme/app:1", "--to", &elsewhere]);
    assert_eq!(refused.code, Some(1), "only its own folders are writable: {}", refused.stderr);
}
