//! What only trust documents have.

use super::{Reader, get};
use crate::authz::policy::{
    json::Json,
    mistake::Path,
    principal::{Principals, RamPrincipal, provider},
    statement::Scope,
};

const OF_A_PRINCIPAL: [&str; 3] = ["RAM", "Service", "Federated"];
/// The one action that a trust document is about.
const ASSUME_ROLE: &str = "sts:AssumeRole";

impl Reader {
    pub(super) fn trust(&mut self, members: &[(String, Json)], path: &Path<'_>) -> Option<Scope> {
        let action = self.required(members, path, "Action").and_then(|json| {
            self.entries(json, &path.member("Action"), |text| match text {
                ASSUME_ROLE => Ok(()),
                _ => Err(format!("is not `{ASSUME_ROLE}`, the one action of a trust document")),
            })
        });
        let principals = self.principals(members, path);
        action?;
        principals.map(Scope::Principals)
    }

    fn principals(&mut self, members: &[(String, Json)], path: &Path<'_>) -> Option<Principals> {
        let json = self.required(members, path, "Principal")?;
        let path = path.member("Principal");
        let members = self.object(json, &path, &OF_A_PRINCIPAL)?;
        if members.is_empty() {
            return self.wrong(&path, "must name someone: `RAM`, `Service` or `Federated`");
        }
        let ram = self.named(members, &path, "RAM", RamPrincipal::parse);
        let services =
            self.named(members, &path, "Service", |text| text.parse().map_err(|_| "is no trusted service".to_owned()));
        let federated = self.named(members, &path, "Federated", provider);
        Some(Principals { ram: ram?, services: services?, federated: federated? })
    }

    /// The principals of one kind; none of them if the document does not speak of it.
    fn named<T>(
        &mut self,
        members: &[(String, Json)],
        path: &Path<'_>,
        name: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        match get(members, name) {
            Some(json) => self.entries(json, &path.member(name), read),
            None => Some(Vec::new()),
        }
    }
}
