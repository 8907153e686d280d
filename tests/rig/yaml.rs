//! YAML as other programs read it: by the tools that `tests/requirements.txt` brings.

use std::env;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::process::{limited, must};

/// A program of the tests' Python environment.
pub(crate) fn python_program(name: &str) -> PathBuf {
    let place =
        env::var_os("TESTS_VENV").expect("TESTS_VENV names no environment: run tests/run, which makes it");
    let path = Path::new(&place).join("bin").join(name);
    assert!(path.is_file(), "{} is missing: run tests/run, which installs it", path.display());
    path
}

/// The documents of a YAML file.
pub(crate) fn documents(path: &Path) -> Vec<Value> {
    let script = "import json, sys, yaml; json.dump(list(yaml.safe_load_all(open(sys.argv[1]))), sys.stdout)";
    let text = must(limited(python_program("python")).args(["-c", script]).arg(path));
    serde_json::from_str(&text).unwrap()
}
