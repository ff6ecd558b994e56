//! Rules about manifests and configuration.

use serde_json::Value as Json;

use crate::house::{Complaints, File};
use crate::{MAY_DEPEND_ON, TAURI_CLI};

/// Of a `Cargo.toml`: line, section and key of every entry in a section of dependencies.
fn entries(text: &str) -> Vec<(usize, String, String, String)> {
    let mut section = String::new();
    let mut entries = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']').to_owned();
            // `[dependencies.name]` is an entry by itself.
            if let Some((kind, name)) = section.rsplit_once('.').filter(|(kind, _)| kind.ends_with("dependencies")) {
                entries.push((n + 1, kind.to_owned(), name.to_owned(), "workspace".to_owned()));
            }
        } else if section.ends_with("dependencies")
            && !line.starts_with('#')
            && let Some((key, value)) = line.split_once('=')
        {
            let (name, dotted) = key.trim().split_once('.').unwrap_or((key.trim(), ""));
            entries.push((n + 1, section.clone(), name.to_owned(), format!("{dotted} {}", value.trim())));
        }
    }
    entries
}

pub(crate) fn dependencies(file: &File) -> Complaints {
    let room = file.path.trim_end_matches("/Cargo.toml");
    let Some((_, allowed)) = MAY_DEPEND_ON.iter().find(|(path, _)| *path == room) else {
        return vec![(0, "a new crate: say in tests/tidy.rs what it may depend on".into())];
    };
    let mut complaints = Vec::new();
    for (n, section, name, value) in entries(&file.text) {
        if !value.contains("workspace") || value.contains("package") {
            complaints.push((n, format!("`{name}`: versions and names are shared, in the workspace's Cargo.toml")));
        }
        let door = if name.starts_with("tauri") { "tauri" } else { name.as_str() };
        let is_door = MAY_DEPEND_ON.iter().any(|(_, names)| names.contains(&door));
        if is_door && !allowed.contains(&door) && !section.ends_with("dev-dependencies") {
            complaints.push((n, format!("`{name}`: {room} may not know it; docs/architecture.md says who may")));
        }
    }
    complaints
}

pub(crate) fn pinned_bindings(file: &File) -> Complaints {
    let is_binding = |name: &str| matches!(name, "specta" | "tauri-specta" | "specta-typescript");
    let found = entries(&file.text).into_iter().filter(|(_, _, name, _)| is_binding(name));
    let is_loose = |value: &str| !value.split('"').any(|part| part.starts_with('='));
    let complain = |(n, _, name, _)| (n, format!("`{name}`: its versions fit one another exactly: pin it with `=`"));
    found.filter(|(_, _, _, value)| is_loose(value)).map(complain).collect()
}

pub(crate) fn pinned_cli(file: &File) -> Complaints {
    let package: Json = serde_json::from_str(&file.text).unwrap_or_default();
    let found = &package["devDependencies"]["@tauri-apps/cli"];
    if found == TAURI_CLI {
        return Vec::new();
    }
    vec![(0, format!("@tauri-apps/cli is {found}: pin \"{TAURI_CLI}\", `npm ci` fails with later ones"))]
}

/// Every directive with its sources, however it is written.
fn directives(csp: &Json) -> Vec<(String, Vec<String>)> {
    let sources = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    match csp {
        Json::String(text) => text
            .split(';')
            .map(sources)
            .filter(|words| !words.is_empty())
            .map(|mut words| (words.remove(0), words))
            .collect(),
        Json::Object(map) => {
            let listed = |value: &Json| match value {
                Json::Array(list) => list.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
                other => sources(other.as_str().unwrap_or_default()),
            };
            map.iter().map(|(name, value)| (name.clone(), listed(value))).collect()
        }
        _ => Vec::new(),
    }
}

pub(crate) fn content_security(file: &File) -> Complaints {
    let conf: Json = match serde_json::from_str(&file.text) {
        Ok(conf) => conf,
        Err(error) => return vec![(error.line(), error.to_string())],
    };
    let (app, security) = (&conf["app"], &conf["app"]["security"]);
    let mut complaints = Vec::new();
    for (on, name) in [
        (&app["withGlobalTauri"], "withGlobalTauri"),
        (&security["assetProtocol"]["enable"], "assetProtocol"),
        (&security["dangerousDisableAssetCspModification"], "dangerousDisableAssetCspModification"),
    ] {
        if !matches!(on, Json::Null | Json::Bool(false)) {
            complaints.push((0, format!("`{name}` opens a door that nobody needs")));
        }
    }
    let directives = directives(&security["csp"]);
    if !directives.iter().any(|(name, _)| name == "default-src") {
        complaints.push((0, "the csp has no `default-src`: whatever is not named would be allowed".into()));
    }
    for (name, sources) in directives {
        for source in sources.iter().filter(|source| is_loose(&name, source)) {
            complaints.push((0, format!("csp: `{name} {source}` lets in more than the app itself")));
        }
    }
    complaints
}

fn is_loose(directive: &str, source: &str) -> bool {
    let is_style = directive.starts_with("style-src");
    match source {
        // How Tauri's own calls travel.
        "ipc:" | "http://ipc.localhost" => directive != "connect-src",
        "'unsafe-inline'" => !is_style,
        "'self'" | "'none'" => false,
        // Pictures and fonts that are built in; a script or a frame in an address would be somebody's code.
        "data:" | "blob:" => !matches!(directive, "img-src" | "font-src" | "worker-src"),
        _ => true,
    }
}

pub(crate) fn capability(file: &File) -> Complaints {
    let Ok(capability) = serde_json::from_str::<Json>(&file.text) else {
        return vec![(0, "not JSON".into())];
    };
    let mut complaints = Vec::new();
    if !capability["remote"].is_null() {
        complaints.push((0, "`remote` lets pages from elsewhere call Rust".into()));
    }
    let Some(permissions) = capability["permissions"].as_array() else {
        return vec![(0, "it lists no permissions".into())];
    };
    for permission in permissions {
        let name = permission.as_str().or(permission["identifier"].as_str()).unwrap_or_default();
        if name.ends_with(":default") || name == "default" {
            complaints.push((0, format!("`{name}` is a set that grows with the library: list what is used")));
        }
        if ["fs:", "shell:", "http:", "process:"].iter().any(|plugin| name.starts_with(plugin)) {
            complaints.push((0, format!("`{name}`: the window reaches files, programs and hosts through Rust only")));
        }
    }
    complaints
}

pub(crate) fn unlisted_capabilities(conf: &str, identifiers: &[String]) -> Vec<String> {
    let conf: Json = serde_json::from_str(conf).unwrap_or_default();
    let listed: Vec<_> = conf["app"]["security"]["capabilities"].as_array().into_iter().flatten().collect();
    let not_listed = identifiers.iter().filter(|name| !listed.iter().any(|listed| *listed == *name));
    let not_there = listed.iter().filter(|listed| !identifiers.iter().any(|name| **listed == name));
    let conf = "src-tauri/tauri.conf.json";
    not_listed
        .map(|name| format!("{conf}: capability `{name}` is not listed, and no list lets in every file"))
        .chain(not_there.map(|listed| format!("{conf}: capability {listed} is listed and has no file")))
        .collect()
}

pub(crate) fn capabilities_of(house: &[File]) -> Vec<String> {
    let identifier = |file: &File| {
        let capability: Json = serde_json::from_str(&file.text).unwrap_or_default();
        capability["identifier"].as_str().unwrap_or_default().to_owned()
    };
    let folder = |file: &&File| file.path.starts_with("src-tauri/capabilities/");
    let identifiers: Vec<_> = house.iter().filter(folder).map(identifier).collect();
    house
        .iter()
        .filter(|file| file.path == "src-tauri/tauri.conf.json")
        .flat_map(|conf| unlisted_capabilities(&conf.text, &identifiers))
        .collect()
}
