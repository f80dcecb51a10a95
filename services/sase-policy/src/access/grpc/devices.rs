//! `bailiwick.sase.v1.DeviceService`.

use bailiwick_api::sase::v1::{self as pb, device_service_server::DeviceService};
use bailiwick_core::Owner;
use bailiwick_rpc::{InvalidFields, split};
use tonic::{Request, Response, Status};

use super::parse::{self, DISPLAY_NAME_MAX, timestamp};
use crate::access::{
    app::{Enrolled, Sase},
    domain::{Device, Meta, Os, OsVersion, Posture, Resource, ResourceKind},
};

/// More than any key has.
const KEY_MAX: usize = 128;

/// The service.
pub(super) struct Devices(pub(super) Sase);

#[tonic::async_trait]
impl DeviceService for Devices {
    async fn create_device(&self, request: Request<pb::CreateDeviceRequest>) -> Result<Response<pb::Device>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        parse::new_id(&mut fields, "device_id", &message.device_id);
        let asked = message.device.unwrap_or_default();
        fields.text("device.display_name", &asked.display_name, 1..=DISPLAY_NAME_MAX);
        let user = parse::id(&mut fields, &call, "device.sase_user", ResourceKind::SaseUser, &asked.sase_user);
        let Some(user) = user else { return Err(fields.into_status()) };
        fields.finish()?;
        let make = |meta: Meta, key_hash: [u8; 32]| Device {
            meta,
            display_name: asked.display_name.clone(),
            user: user.clone(),
            managed: asked.managed,
            posture: None,
            key_hash,
        };
        let done = self.0.device_create(&call, &key, &message.device_id, make).await?;
        Ok(parse::done(done, |Enrolled { device: made, key }| pb::Device { enrolment_key: key, ..device(made) }))
    }

    async fn get_device(&self, request: Request<pb::GetDeviceRequest>) -> Result<Response<pb::Device>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let Some(id) = parse::id(&mut fields, &call, "name", ResourceKind::Device, &message.name) else {
            return Err(fields.into_status());
        };
        Ok(Response::new(device(self.0.get(&call, &id).await?)))
    }

    async fn list_devices(
        &self,
        request: Request<pb::ListDevicesRequest>,
    ) -> Result<Response<pb::ListDevicesResponse>, Status> {
        let (call, message) = split(request)?;
        let page = self.0.list(&call, parse::page(message.page_size)?, &message.page_token).await?;
        let devices = page.items.into_iter().map(device).collect();
        Ok(Response::new(pb::ListDevicesResponse { devices, next_page_token: page.next }))
    }

    async fn delete_device(&self, request: Request<pb::DeleteDeviceRequest>) -> Result<Response<()>, Status> {
        let (call, mut message) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = std::mem::take(&mut message.request_id);
        let key = parse::key(&mut fields, &call, &request_id, &message);
        let Some(id) = parse::id(&mut fields, &call, "name", ResourceKind::Device, &message.name) else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        Ok(parse::done(self.0.delete::<Device>(&call, &key, (&id, &message.etag)).await?, |()| ()))
    }

    async fn report_device_posture(
        &self,
        request: Request<pb::ReportDevicePostureRequest>,
    ) -> Result<Response<pb::ReportDevicePostureResponse>, Status> {
        let (_, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let name = fields.name::<1>("name", &message.name, ResourceKind::Device.pattern());
        let posture = fields.required("posture", message.posture).and_then(|asked| read(&mut fields, &asked));
        fields.check("enrolment_key", message.enrolment_key.len() <= KEY_MAX, "is no key");
        let (Some((Owner::Directory(directory), [id])), Some((os, version, disk_encrypted))) = (name, posture) else {
            fields.check("name", message.name.starts_with("directories/"), "must be the name of a device");
            return Err(fields.into_status());
        };
        fields.finish()?;
        let posture = move |reported| Posture { os, version, disk_encrypted, reported };
        let time = self.0.device_report((directory, id), &message.enrolment_key, &posture).await?;
        Ok(Response::new(pb::ReportDevicePostureResponse { report_time: Some(timestamp(time)) }))
    }
}

fn read(fields: &mut InvalidFields, asked: &pb::DevicePosture) -> Option<(Os, OsVersion, bool)> {
    let os = fields.enumeration("posture.os", asked.os).and_then(read_os);
    let version = fields.parse("posture.os_version", &asked.os_version);
    Some((os?, version?, asked.disk_encrypted))
}

/// An operating system of the contract.
pub(super) fn read_os(os: pb::DeviceOs) -> Option<Os> {
    match os {
        pb::DeviceOs::Unspecified => None,
        pb::DeviceOs::Windows => Some(Os::Windows),
        pb::DeviceOs::Macos => Some(Os::Macos),
        pb::DeviceOs::Linux => Some(Os::Linux),
        pb::DeviceOs::Ios => Some(Os::Ios),
        pb::DeviceOs::Android => Some(Os::Android),
    }
}

/// An operating system as the contract has it.
pub(super) fn write_os(os: Os) -> pb::DeviceOs {
    match os {
        Os::Windows => pb::DeviceOs::Windows,
        Os::Macos => pb::DeviceOs::Macos,
        Os::Linux => pb::DeviceOs::Linux,
        Os::Ios => pb::DeviceOs::Ios,
        Os::Android => pb::DeviceOs::Android,
    }
}

pub(super) fn device(device: Device) -> pb::Device {
    let posture = |posture: Posture| pb::DevicePosture {
        os: write_os(posture.os).into(),
        os_version: posture.version.to_string(),
        disk_encrypted: posture.disk_encrypted,
    };
    pb::Device {
        name: device.name(),
        sase_user: ResourceKind::SaseUser.name(device.meta.directory, &device.user),
        posture: device.posture.map(posture),
        last_seen_time: device.posture.map(|posture| timestamp(posture.reported)),
        enrolment_key: String::new(),
        etag: device.meta.etag(),
        create_time: Some(timestamp(device.meta.create_time)),
        update_time: Some(timestamp(device.meta.update_time)),
        operator: device.meta.operator,
        display_name: device.display_name,
        managed: device.managed,
    }
}
