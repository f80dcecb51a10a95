//! `bailiwick.securitycenter.v1.SecurityScoreService`.

use bailiwick_api::{
    errors::v1::ErrorReason,
    securitycenter::v1::{
        self as pb, DirectorySecurityScore, GetDirectorySecurityScoreRequest, GetScoreRulesRequest,
        GetSecurityScoreRequest, ListScoreDeductionsRequest, ListScoreDeductionsResponse, ListSecurityScoresRequest,
        ListSecurityScoresResponse, ResetScoreRulesRequest, SecurityScore, UpdateScoreRulesRequest,
        security_score_service_server::SecurityScoreService,
    },
};
use bailiwick_changelog::database_problem;
use bailiwick_changelog::log_position;
use bailiwick_core::{AccountId, DirectoryId, Owner, Role};
use bailiwick_rpc::{InvalidFields, Kind, Problem, refusal, respond, split};
use tonic::{Request, Response, Status};

use super::score_convert as convert;
use crate::posture::app::{RulesRequest, ScoreError, Scores};

/// The service.
pub(crate) struct SecurityScores(pub(crate) Scores);

#[tonic::async_trait]
impl SecurityScoreService for SecurityScores {
    async fn get_security_score(
        &self,
        request: Request<GetSecurityScoreRequest>,
    ) -> Result<Response<SecurityScore>, Status> {
        let (call, message) = split(request)?;
        let account = account(&message.name, "accounts/{account}/securityScore")?;
        let score = self.0.of_account(&call, account).await?;
        Ok(Response::new(convert::score(message.name, &score)))
    }

    async fn list_score_deductions(
        &self,
        request: Request<ListScoreDeductionsRequest>,
    ) -> Result<Response<ListScoreDeductionsResponse>, Status> {
        let (call, message) = split(request)?;
        let (account, size) = page(&message.parent, message.page_size)?;
        let (page, now) = self.0.deductions(&call, account, (size, &message.page_token)).await?;
        let score_deductions = page.items.iter().map(|of| convert::deduction(of, now)).collect();
        Ok(Response::new(ListScoreDeductionsResponse { score_deductions, next_page_token: page.next }))
    }

    async fn list_security_scores(
        &self,
        request: Request<ListSecurityScoresRequest>,
    ) -> Result<Response<ListSecurityScoresResponse>, Status> {
        let (call, message) = split(request)?;
        let (account, size) = page(&message.parent, message.page_size)?;
        let page = self.0.history(&call, account, (size, &message.page_token)).await?;
        let daily_scores = page.items.iter().map(convert::daily).collect();
        Ok(Response::new(ListSecurityScoresResponse { daily_scores, next_page_token: page.next }))
    }

    async fn get_directory_security_score(
        &self,
        request: Request<GetDirectorySecurityScoreRequest>,
    ) -> Result<Response<DirectorySecurityScore>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        directory(&mut fields, "name", &message.name, "directories/{directory}/securityScore");
        fields.finish()?;
        let score = self.0.of_directory(&call).await?;
        Ok(Response::new(convert::directory(message.name, &score)))
    }

    async fn get_score_rules(
        &self,
        request: Request<GetScoreRulesRequest>,
    ) -> Result<Response<pb::ScoreRules>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        directory(&mut fields, "name", &message.name, RULES);
        fields.finish()?;
        Ok(Response::new(convert::rules(&self.0.rules(&call).await?)))
    }

    async fn update_score_rules(
        &self,
        request: Request<UpdateScoreRulesRequest>,
    ) -> Result<Response<pb::ScoreRules>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = fields.request_id("request_id", &message.request_id);
        let rules = fields.required("score_rules", message.score_rules).unwrap_or_default();
        directory(&mut fields, "score_rules.name", &rules.name, RULES);
        let mask = message.update_mask.unwrap_or_default().paths;
        let change = convert::change(&mut fields, &rules, &mask);
        fields.finish()?;
        let asked = RulesRequest { change: Some(change), etag: rules.etag, request_id };
        self.change(&call, &asked).await
    }

    async fn reset_score_rules(
        &self,
        request: Request<ResetScoreRulesRequest>,
    ) -> Result<Response<pb::ScoreRules>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = fields.request_id("request_id", &message.request_id);
        directory(&mut fields, "name", &message.name, RULES);
        fields.finish()?;
        let asked = RulesRequest { change: None, etag: message.etag, request_id };
        self.change(&call, &asked).await
    }
}

const RULES: &str = "directories/{directory}/scoreRules";

impl SecurityScores {
    async fn change(
        &self,
        call: &bailiwick_rpc::Call,
        asked: &RulesRequest,
    ) -> Result<Response<pb::ScoreRules>, Status> {
        let (rules, position) = self.0.rules_change(call, asked).await?;
        Ok(respond(convert::rules(&rules), Some(log_position(Role::SecurityCenter, &position))))
    }
}

fn account(name: &str, pattern: &'static str) -> Result<AccountId, Status> {
    let mut fields = InvalidFields::new();
    match fields.name::<0>("name", name, pattern) {
        Some((Owner::Account(account), _)) => Ok(account),
        _ => {
            fields.check("name", false, format!("must be of the form `{pattern}`"));
            Err(fields.into_status())
        }
    }
}

fn page(parent: &str, size: i32) -> Result<(AccountId, u32), Status> {
    let mut fields = InvalidFields::new();
    let (account, size) = (fields.account("parent", parent), fields.page_size("page_size", size));
    account.zip(size).ok_or_else(|| fields.into_status())
}

fn directory(fields: &mut InvalidFields, field: &str, name: &str, pattern: &'static str) -> Option<DirectoryId> {
    match fields.name::<0>(field, name, pattern) {
        Some((Owner::Directory(directory), _)) => Some(directory),
        Some((Owner::Account(_), _)) => {
            fields.violation(field, format!("must be of the form `{pattern}`"));
            None
        }
        None => None,
    }
}

impl From<ScoreError> for Status {
    fn from(error: ScoreError) -> Self {
        let message = error.to_string();
        match error {
            ScoreError::Refusal(refused) => refusal(&refused),
            ScoreError::Closed(closed) => closed.into(),
            ScoreError::Db(error) => database_problem(&error).into(),
            ScoreError::Roster(error) => error.into(),
            ScoreError::PageToken(_) => {
                Problem::new(Kind::InvalidArgument, ErrorReason::PageTokenInvalid, message).into()
            }
            ScoreError::EtagMismatch(name) => {
                Problem::new(Kind::Aborted, ErrorReason::EtagMismatch, message).with("resource", name).into()
            }
        }
    }
}
