//! Folders.

use std::mem::take;

use bailiwick_rpc::{InvalidFields, split};
use pb::folder_service_server::FolderService;
use tonic::{Request, Response, Status, async_trait};

use super::{
    Grpc, answer, convert,
    parse::{finish, folder, folder_name, mask, mutation, page, text},
    pb,
};
use crate::{app::ListFolders, domain::Text};

#[async_trait]
impl FolderService for Grpc {
    async fn create_folder(&self, request: Request<pb::CreateFolderRequest>) -> Result<Response<pb::Folder>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let parent = folder_name(&mut fields, "parent", &request.parent);
        let name = fields.required("folder", request.folder).map(|folder| folder.display_name);
        let name = name.and_then(|name| text(&mut fields, "folder.display_name", &name, Text::FOLDER_NAME));
        let ((directory, parent), name) = finish(fields, parent.zip(name))?;
        let done = self.0.folder_create(&call, &change, directory, parent, &name).await?;
        Ok(answer(done, convert::folder))
    }

    async fn get_folder(&self, request: Request<pb::GetFolderRequest>) -> Result<Response<pb::Folder>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let named = folder_name(&mut fields, "name", &request.name);
        let (directory, id) = finish(fields, named)?;
        Ok(Response::new(convert::folder(self.0.folder_get(&call, directory, id).await?)))
    }

    async fn list_folders(
        &self,
        request: Request<pb::ListFoldersRequest>,
    ) -> Result<Response<pb::ListFoldersResponse>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let parent = if request.parent.contains("/folders/") {
            folder_name(&mut fields, "parent", &request.parent).map(|(directory, id)| (directory, Some(id)))
        } else {
            fields.directory("parent", &request.parent).map(|directory| (directory, None))
        };
        let asked = page(&mut fields, request.page_size, &request.page_token);
        let ((directory, under), asked) = finish(fields, parent.zip(asked))?;
        let which = ListFolders { under, recursive: request.recursive };
        let page = self.0.folder_list(&call, directory, which, &asked).await?;
        let folders = page.items.into_iter().map(convert::folder).collect();
        Ok(Response::new(pb::ListFoldersResponse { folders, next_page_token: page.next }))
    }

    async fn update_folder(&self, request: Request<pb::UpdateFolderRequest>) -> Result<Response<pb::Folder>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let asked = fields.required("folder", request.folder).unwrap_or_default();
        let named = folder_name(&mut fields, "folder.name", &asked.name);
        let set = [!asked.display_name.is_empty()];
        let [renames] = mask(&mut fields, request.update_mask.as_ref(), ["display_name"], set);
        let rule = Text::FOLDER_NAME;
        let name = renames.then(|| text(&mut fields, "folder.display_name", &asked.display_name, rule)).flatten();
        let named = finish(fields, named)?;
        let done = self.0.folder_rename(&call, &change, named, name.as_deref(), &asked.etag).await?;
        Ok(answer(done, convert::folder))
    }

    async fn move_folder(&self, request: Request<pb::MoveFolderRequest>) -> Result<Response<pb::Folder>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let named = folder_name(&mut fields, "name", &request.name);
        let of = named.map(|(directory, _)| directory);
        let destination = folder(&mut fields, "destination", &request.destination, of);
        let (named, destination) = finish(fields, named.zip(destination))?;
        let done = self.0.folder_move(&call, &change, named, &destination, &request.etag).await?;
        Ok(answer(done, convert::folder))
    }

    async fn delete_folder(&self, request: Request<pb::DeleteFolderRequest>) -> Result<Response<()>, Status> {
        let (call, mut request) = split(request)?;
        let mut fields = InvalidFields::new();
        let request_id = take(&mut request.request_id);
        let change = mutation(&mut fields, &call, &request_id, &request);
        let named = folder_name(&mut fields, "name", &request.name);
        let named = finish(fields, named)?;
        let done = self.0.folder_delete(&call, &change, named, &request.etag).await?;
        Ok(answer(done, |()| ()))
    }

    async fn list_folder_ancestors(
        &self,
        request: Request<pb::ListFolderAncestorsRequest>,
    ) -> Result<Response<pb::ListFolderAncestorsResponse>, Status> {
        let (call, request) = split(request)?;
        let mut fields = InvalidFields::new();
        let named = folder_name(&mut fields, "name", &request.name);
        let asked = page(&mut fields, request.page_size, &request.page_token);
        let ((directory, id), asked) = finish(fields, named.zip(asked))?;
        let page = self.0.folder_ancestors(&call, directory, id, &asked).await?;
        let folders = page.items.into_iter().map(convert::folder).collect();
        Ok(Response::new(pb::ListFolderAncestorsResponse { folders, next_page_token: page.next }))
    }
}
