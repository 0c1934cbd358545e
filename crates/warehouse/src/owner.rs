//! Who the private server runs as: PostgreSQL refuses to run as root.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::Result;
use salesmart_base::fail;

/// The unprivileged user that the server runs as when this process is root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl Owner {
    /// PostgreSQL refuses to run as root: then it runs as the owner of the cluster, else as `postgres` or `nobody`.
    pub fn needed(folder: &Path) -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        if let Ok(metadata) = std::fs::metadata(folder.join("cluster")) {
            if metadata.uid() == 0 {
                fail!(
                    "{} belongs to root, and PostgreSQL does not run as root; give it to an unprivileged user (chown -R postgres {})",
                    folder.join("cluster").display(),
                    folder.join("cluster").display()
                );
            }
            return Ok(Some(Self { uid: metadata.uid(), gid: metadata.gid() }));
        }
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let find = |name: &str| {
            let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
            let mut fields = line.split(':').skip(2);
            Some(Self { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
        };
        match find("postgres").or_else(|| find("nobody")) {
            Some(owner) => Ok(Some(owner)),
            None => fail!(
                "PostgreSQL does not run as root, and there is neither a user postgres nor nobody to run it as; run salesmart as an ordinary user, or set DATABASE_URL"
            ),
        }
    }

    /// Can this user get into the folder?
    pub fn reaches(self, folder: &Path) -> bool {
        folder.ancestors().filter(|ancestor| !ancestor.as_os_str().is_empty()).all(|ancestor| {
            std::fs::metadata(ancestor).is_ok_and(|metadata| {
                let bit = match (metadata.uid() == self.uid, metadata.gid() == self.gid) {
                    (true, _) => 0o100,
                    (false, true) => 0o010,
                    (false, false) => 0o001,
                };
                metadata.mode() & bit != 0
            })
        })
    }
}
