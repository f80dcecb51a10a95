//! Folders.

use pb::folder_service_server::FolderService;
use tonic::{Request, Response, Status, async_trait};

use super::{Grpc, pb};

#[async_trait]
impl FolderService for Grpc {
    async fn create_folder(&self, _: Request<pb::CreateFolderRequest>) -> Result<Response<pb::Folder>, Status> {
        Err(Status::unimplemented("CreateFolder is being built"))
    }

    async fn get_folder(&self, _: Request<pb::GetFolderRequest>) -> Result<Response<pb::Folder>, Status> {
        Err(Status::unimplemented("GetFolder is being built"))
    }

    async fn list_folders(
        &self,
        _: Request<pb::ListFoldersRequest>,
    ) -> Result<Response<pb::ListFoldersResponse>, Status> {
        Err(Status::unimplemented("ListFolders is being built"))
    }

    async fn update_folder(&self, _: Request<pb::UpdateFolderRequest>) -> Result<Response<pb::Folder>, Status> {
        Err(Status::unimplemented("UpdateFolder is being built"))
    }

    async fn move_folder(&self, _: Request<pb::MoveFolderRequest>) -> Result<Response<pb::Folder>, Status> {
        Err(Status::unimplemented("MoveFolder is being built"))
    }

    async fn delete_folder(&self, _: Request<pb::DeleteFolderRequest>) -> Result<Response<()>, Status> {
        Err(Status::unimplemented("DeleteFolder is being built"))
    }

    async fn list_folder_ancestors(
        &self,
        _: Request<pb::ListFolderAncestorsRequest>,
    ) -> Result<Response<pb::ListFolderAncestorsResponse>, Status> {
        Err(Status::unimplemented("ListFolderAncestors is being built"))
    }
}
