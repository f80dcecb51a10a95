//! Usage claims.

use std::collections::BTreeSet;

use bailiwick_core::{AccountId, TrustedService};
use bailiwick_rpc::{InvalidFields, split};
use pb::claim_service_server::ClaimService;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Grpc, answer, convert,
    parse::{finish, page},
    pb,
};
use crate::{
    app::{Error, PlaceClaims, ReleaseClaims},
    domain::{
        self,
        claim::{ACCOUNTS_MAX, Strength},
        member::Membership,
    },
};

#[async_trait]
impl ClaimService for Grpc {
    async fn place_claims(
        &self,
        request: Request<pb::PlaceClaimsRequest>,
    ) -> Result<Response<pb::PlaceClaimsResponse>, Status> {
        let (call, request) = split(request)?;
        let done = self.0.claim_place(&call, parse_place(&request)?).await?;
        let shown = |on: Membership| pb::ClaimedMembership { account: on.account.name(), incarnation: on.incarnation };
        Ok(answer(done, |members| pb::PlaceClaimsResponse { memberships: members.into_iter().map(shown).collect() }))
    }

    async fn release_claims(
        &self,
        request: Request<pb::ReleaseClaimsRequest>,
    ) -> Result<Response<pb::ReleaseClaimsResponse>, Status> {
        let (call, request) = split(request)?;
        let done = self.0.claim_release(&call, parse_release(&request)?).await?;
        Ok(answer(done, |()| pb::ReleaseClaimsResponse {}))
    }

    async fn list_claims(
        &self,
        request: Request<pb::ListClaimsRequest>,
    ) -> Result<Response<pb::ListClaimsResponse>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let kind = fields.parse("kind", &request.kind);
        let asked = page(&mut fields, request.page_size, &request.page_token);
        let (kind, asked) = finish(fields, kind.zip(asked))?;
        let page = self.0.claim_list(&call, kind, &asked).await?;
        let claims = page.items.into_iter().map(convert::claim).collect();
        Ok(Response::new(pb::ListClaimsResponse { claims, next_page_token: page.next }))
    }
}

fn parse_place(request: &pb::PlaceClaimsRequest) -> Result<PlaceClaims, Status> {
    let service = service(&request.trusted_service)?;
    let mut fields = InvalidFields::new();
    let directory = fields.directory("directory", &request.directory);
    let accounts = accounts(&mut fields, &request.accounts);
    let kind = fields.parse("kind", &request.kind);
    let strength = fields.enumeration::<pb::ClaimStrength>("strength", request.strength);
    let roles = roles(&mut fields, service, &request.service_linked_roles);
    let (((directory, kind), strength), accounts) = finish(fields, directory.zip(kind).zip(strength).zip(accounts))?;
    let strength = match strength {
        pb::ClaimStrength::Blocking => Strength::Blocking,
        pb::ClaimStrength::Informative | pb::ClaimStrength::Unspecified => Strength::Informative,
    };
    Ok(PlaceClaims { directory, accounts, service, kind, strength, roles })
}

fn parse_release(request: &pb::ReleaseClaimsRequest) -> Result<ReleaseClaims, Status> {
    let service = service(&request.trusted_service)?;
    let mut fields = InvalidFields::new();
    let directory = fields.directory("directory", &request.directory);
    let accounts = accounts(&mut fields, &request.accounts);
    let kind = fields.parse("kind", &request.kind);
    let roles = roles(&mut fields, service, &request.service_linked_roles);
    let one_each = request.incarnations.len() == request.accounts.len();
    fields.check("incarnations", one_each, "must be one for each account");
    fields.check("incarnations", request.incarnations.iter().all(|of| !of.is_empty()), "must not be empty");
    let ((directory, kind), accounts) = finish(fields, directory.zip(kind).zip(accounts))?;
    let memberships = accounts.into_iter().zip(request.incarnations.iter().cloned()).collect();
    Ok(ReleaseClaims { directory, memberships, service, kind, roles })
}

fn service(id: &str) -> Result<TrustedService, Error> {
    id.parse().map_err(|_| domain::Error::UnknownTrustedService(id.to_owned()).into())
}

/// The accounts, each once.
fn accounts(fields: &mut InvalidFields, names: &[String]) -> Option<Vec<AccountId>> {
    let within = (1..=ACCOUNTS_MAX).contains(&names.len());
    fields.check("accounts", within, format!("must be 1 to {ACCOUNTS_MAX} accounts"));
    if !within {
        return None;
    }
    let accounts: Vec<AccountId> = names.iter().filter_map(|name| fields.account("accounts", name)).collect();
    let distinct = accounts.iter().collect::<BTreeSet<_>>().len() == accounts.len();
    fields.check("accounts", distinct, "must name each account once");
    Some(accounts)
}

/// The service-linked roles, each once: those of the service, and no others.
fn roles(fields: &mut InvalidFields, service: TrustedService, names: &[String]) -> Vec<String> {
    let own = |name: &String| service.service_linked_roles().iter().any(|role| role.name == *name);
    fields.check("service_linked_roles", names.iter().all(own), "must be service-linked roles of the service");
    let distinct = names.iter().collect::<BTreeSet<_>>();
    fields.check("service_linked_roles", distinct.len() == names.len(), "must name each role once");
    names.to_vec()
}
