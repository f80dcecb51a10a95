//! `bailiwick.sase.v1.SaseInstanceService`.

use bailiwick_api::sase::v1::{self as pb, sase_instance_service_server::SaseInstanceService};
use bailiwick_rpc::{InvalidFields, split};
use tonic::{Request, Response, Status};

use super::parse::{self, timestamp};
use crate::access::{
    app::{InstanceView, Sase},
    domain::SaseInstance,
};

const FIELDS: &[&str] = &["allow_sample_every", "decision_retention_days"];

/// The service.
pub(super) struct SaseInstances(pub(super) Sase);

#[tonic::async_trait]
impl SaseInstanceService for SaseInstances {
    async fn create_sase_instance(
        &self,
        request: Request<pb::CreateSaseInstanceRequest>,
    ) -> Result<Response<pb::SaseInstance>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let settings = settings(&mut fields, &message.sase_instance.unwrap_or_default());
        fields.finish()?;
        Ok(parse::done(self.0.instance_create(&call, &key, settings).await?, instance))
    }

    async fn get_sase_instance(
        &self,
        request: Request<pb::GetSaseInstanceRequest>,
    ) -> Result<Response<pb::SaseInstance>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        named(&mut fields, "name", &message.name);
        fields.finish()?;
        Ok(Response::new(instance(self.0.instance_get(&call).await?)))
    }

    async fn update_sase_instance(
        &self,
        request: Request<pb::UpdateSaseInstanceRequest>,
    ) -> Result<Response<pb::SaseInstance>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let named_in_mask = parse::mask(&mut fields, message.update_mask, FIELDS);
        let asked = message.sase_instance.unwrap_or_default();
        named(&mut fields, "sase_instance.name", &asked.name);
        let (sample, retention) = settings(&mut fields, &asked);
        fields.finish()?;
        let sample = sample.filter(|_| named_in_mask("allow_sample_every"));
        let retention = retention.filter(|_| named_in_mask("decision_retention_days"));
        Ok(parse::done(self.0.instance_update(&call, &key, &asked.etag, (sample, retention)).await?, instance))
    }
}

fn named(fields: &mut InvalidFields, field: &str, name: &str) {
    fields.name::<0>(field, name, "directories/{directory}/saseInstance");
}

fn settings(fields: &mut InvalidFields, asked: &pb::SaseInstance) -> (Option<u32>, Option<u32>) {
    let mut number = |field: &str, asked: i32, most: i32| {
        fields.check(field, (0..=most).contains(&asked), format!("must be 1 to {most}, or 0"));
        u32::try_from(asked).ok().filter(|asked| *asked != 0)
    };
    (
        number("sase_instance.allow_sample_every", asked.allow_sample_every, 1_000),
        number("sase_instance.decision_retention_days", asked.decision_retention_days, 365),
    )
}

pub(super) fn instance(view: InstanceView) -> pb::SaseInstance {
    let InstanceView { instance, done } = view;
    let step = |(at, done): (usize, bool)| pb::SaseSetupProgress { step: i32::try_from(at + 1).unwrap_or(0), done };
    pb::SaseInstance {
        name: SaseInstance::name_in(instance.meta.directory),
        steps: done.into_iter().enumerate().map(step).collect(),
        allow_sample_every: i32::try_from(instance.allow_sample_every).unwrap_or(i32::MAX),
        decision_retention_days: i32::try_from(instance.decision_retention_days).unwrap_or(i32::MAX),
        etag: instance.meta.etag(),
        create_time: Some(timestamp(instance.meta.create_time)),
        update_time: Some(timestamp(instance.meta.update_time)),
        operator: instance.meta.operator,
    }
}
