//! Turns `proto/` into stubs, the descriptor set and the table of authorization rules. A method without a sound rule
//! does not build.

use std::{error::Error, fs, path::PathBuf};

use prost::Message;
use prost_reflect::DescriptorPool;

#[path = "build/check.rs"]
mod check;

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from("../../proto");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed={}", root.display());

    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(proto_files(&root)?)?;
    // Imported by nobody: for reflection, which shows the details of errors by it.
    compiler.open_file("google/rpc/error_details.proto")?;
    // The encoded set keeps the custom options; the decoded one of prost-types drops them.
    let encoded = compiler.encode_file_descriptor_set();

    let pool = DescriptorPool::decode(encoded.as_slice())?;
    let rules = check::rules(&pool).map_err(|errors| errors.join("\n"))?;
    fs::write(out.join("rules.rs"), check::as_rust(&rules))?;
    fs::write(out.join("descriptors.bin"), &encoded)?;

    let set = prost_types::FileDescriptorSet::decode(encoded.as_slice())?;
    tonic_prost_build::configure()
        .include_file("contract.rs")
        .build_transport(false)
        .compile_well_known_types(false)
        .compile_fds(set)?;
    Ok(())
}

fn proto_files(root: &PathBuf) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    let mut folders = vec![root.join("bailiwick")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "proto") {
                files.push(path.strip_prefix(root)?.to_owned());
            }
        }
    }
    files.sort();
    Ok(files)
}
