//! The Kubernetes manifests: by the API's own schemas, and the pod that they describe, run by an engine.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::deploy;
use super::running::{CONFINED, Container};
use crate::rig::dist::image;
use crate::rig::dockerd::networked;
use crate::rig::process::{limited, must};
use crate::rig::yaml::{documents, python_program};

const MANIFESTS: &str = "kubernetes.yaml";

fn of_kind(kind: &str) -> Value {
    let mut all = documents(&deploy(MANIFESTS)).into_iter();
    all.find(|document| document["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"))
}

#[test]
fn the_schemas_of_kubernetes_know_every_field() {
    // The last release, and the first that knows how to sleep before it stops.
    for version in ["1.37.0", "1.30.0"] {
        let mut validate = limited(python_program("kubernetes-validate"));
        must(validate.args(["--strict", "--kubernetes-version", version]).arg(deploy(MANIFESTS)));
    }
}

/// What refers to another part by a name, which no schema sees.
#[test]
fn the_parts_find_each_other() {
    let deployment = of_kind("Deployment");
    let (spec, labels) = (&deployment["spec"], &deployment["spec"]["template"]["metadata"]["labels"]);
    for selector in [
        &spec["selector"]["matchLabels"],
        &of_kind("Service")["spec"]["selector"],
        &of_kind("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
    ] {
        assert_eq!(selector, labels);
    }
    let name = &deployment["metadata"]["name"];
    assert_eq!(&of_kind("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"], name);
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["volumes"][0]["configMap"]["name"], of_kind("ConfigMap")["metadata"]["name"]);
    assert_eq!(of_kind("Service")["spec"]["ports"][0]["targetPort"], "http");
    // "restricted", the strictest of the Pod Security Standards.
    let (container, security) = (&pod["containers"][0]["securityContext"], &pod["securityContext"]);
    assert_eq!(
        (&security["runAsNonRoot"], &security["seccompProfile"]["type"]),
        (&json!(true), &json!("RuntimeDefault"))
    );
    assert_eq!(container["capabilities"]["drop"], json!(["ALL"]));
    assert_eq!(container["allowPrivilegeEscalation"], false);
}

#[test]
fn the_pod_answers_its_probes() {
    let engine = networked();
    image(engine, "endpoint:pod");
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for (name, text) in of_kind("ConfigMap")["data"].as_object().unwrap() {
        fs::write(place.path().join(name), text.as_str().unwrap()).unwrap();
    }

    let deployment = of_kind("Deployment");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let mounted = container["volumeMounts"][0]["mountPath"].as_str().unwrap();
    let volume = format!("{}:{mounted}:ro", place.path().display());
    let words: Vec<&str> =
        container["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    assert_eq!(words[0], "--settings");
    engine.docker(&["run", "--rm", "--volume", &volume, "endpoint:pod", "check", words[1]]);

    let flags = ["--memory", "128m", "--volume", &volume, "endpoint:pod"];
    let pod = Container::run(engine, &[&CONFINED[..], &flags, &words].concat());
    let address = pod.inspect("{{.NetworkSettings.IPAddress}}");
    let port = |name: &Value| {
        let ports = container["ports"].as_array().unwrap();
        ports.iter().find(|port| port["name"] == *name).unwrap()["containerPort"].clone()
    };
    let get = |port: &Value, path: &str| engine.get(&format!("http://{address}:{port}{path}"));
    for probe in ["readinessProbe", "livenessProbe"] {
        let asked = &container[probe]["httpGet"];
        let (port, path) = (port(&asked["port"]), asked["path"].as_str().unwrap());
        engine.wait(|| get(&port, path).is_some());
    }
    assert_eq!(get(&port(&json!("http")), "/v2/").as_deref(), Some("{}"));
    let scraped = &deployment["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"];
    let metrics = get(&scraped.as_str().unwrap().parse().unwrap(), "/metrics").unwrap();
    assert!(metrics.contains("registry_endpoint_build_info"), "{metrics}");
}
