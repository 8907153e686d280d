//! A container that is gone when the test is done with it.

use crate::rig::dockerd::Dockerd;

/// What is withheld from a container that needs nothing.
pub(super) const CONFINED: [&str; 5] =
    ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];

/// A container of `engine`, by its id.
pub(super) struct Container<'a> {
    engine: &'a Dockerd,
    pub(super) id: String,
}

impl<'a> Container<'a> {
    /// `docker run --detach` with these arguments.
    #[track_caller]
    pub(super) fn run(engine: &'a Dockerd, arguments: &[&str]) -> Self {
        let id = engine.docker(&[&["run", "--detach"], arguments].concat());
        Self { engine, id: id.trim().to_owned() }
    }

    /// What `docker inspect` says by this template.
    #[track_caller]
    pub(super) fn inspect(&self, template: &str) -> String {
        self.engine.docker(&["inspect", "--format", template, &self.id]).trim().to_owned()
    }

    /// Runs a command in it, which must succeed.
    #[track_caller]
    pub(super) fn exec(&self, command: &[&str]) -> String {
        self.engine.docker(&[&["exec", &self.id], command].concat())
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        let _ = self.engine.command().args(["rm", "--force", "--volumes", &self.id]).output();
    }
}
