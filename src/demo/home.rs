//! The demo's temporary directory: its database, and where `firebell demo send` finds it.

use std::fs::{self, DirBuilder};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use uuid::Uuid;

const PREFIX: &str = "firebell-demo-";
const DOOR: &str = "door";

/// Removed when dropped.
pub(super) struct Home(PathBuf);

impl Home {
    pub(super) fn make() -> Result<Self> {
        let name = Uuid::new_v4().simple().to_string();
        let path = std::env::temp_dir().join(format!("{PREFIX}{}", &name[..8]));
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn database_url(&self) -> String {
        format!("sqlite://{}", self.0.join("firebell.db").display())
    }

    /// Tells others where the door is.
    pub(super) fn hang_out(&self, door: SocketAddr) -> Result<()> {
        let file = self.0.join(DOOR);
        fs::write(&file, door.to_string()).with_context(|| format!("cannot write {}", file.display()))
    }

    /// The doors of all demos of this machine, the newest first; some may be of demos that were killed.
    pub(super) fn doors() -> Vec<SocketAddr> {
        let entries = fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
        let homes = entries.filter(|e| e.file_name().to_string_lossy().starts_with(PREFIX));
        let mut doors: Vec<(SystemTime, SocketAddr)> = homes
            .filter_map(|home| {
                let file = home.path().join(DOOR);
                let hung_out_at = fs::metadata(&file).ok()?.modified().ok()?;
                Some((hung_out_at, fs::read_to_string(file).ok()?.parse().ok()?))
            })
            .collect();
        doors.sort_by(|a, b| b.cmp(a));
        doors.into_iter().map(|(_, door)| door).collect()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
