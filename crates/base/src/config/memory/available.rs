//! How much memory there is: what the machine has, or less where a control group (a container, a systemd service) allows less.

use std::fs;
use std::path::{Path, PathBuf};

/// Bytes, where the system tells (Linux).
pub(super) fn bytes() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    limits(Path::new("/sys/fs/cgroup"), &groups).into_iter().chain(machine).min()
}

/// `MemTotal:       24683660 kB`
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}

/// The limits of the control groups that this process is in, and of those around them. `groups` holds a line `0::/path` of version 2, and
/// lines such as `4:memory:/path` of version 1. A container may see its own group as the root, whatever its path is outside.
fn limits(mount: &Path, groups: &str) -> Vec<u64> {
    let mut found = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let (root, file) = match controllers {
            "" => (mount.to_owned(), "memory.max"),
            controllers if controllers.split(',').any(|name| name == "memory") => {
                (mount.join("memory"), "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let own: PathBuf = root.join(path.trim_start_matches('/'));
        for group in own.ancestors().take_while(|group| group.starts_with(&root)) {
            // "max" is no limit, in version 1 a number of 19 digits.
            found.extend(fs::read_to_string(group.join(file)).ok().and_then(|text| text.trim().parse::<u64>().ok()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_e1_a_control_group_of_either_version_or_one_around_it_limits_the_memory() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("memory.max", "max\n");
        write("a/memory.max", "2000000000\n");
        write("a/b/memory.max", "max\n");
        write("memory/memory.limit_in_bytes", "9223372036854771712\n");
        write("memory/c/memory.limit_in_bytes", "512000000\n");
        assert_eq!(limits(folder.path(), "0::/a/b\n"), [2_000_000_000]);
        assert_eq!(limits(folder.path(), "0::/\n"), [] as [u64; 0]);
        let first = limits(folder.path(), "5:cpu:/c\n4:memory,freezer:/c\n1:name=systemd:/x\n");
        assert_eq!(first, [512_000_000, 9_223_372_036_854_771_712]);
        assert_eq!(limits(folder.path(), "4:memory:/outside/of/the/container\n"), [9_223_372_036_854_771_712]);
        assert_eq!(limits(folder.path(), "nonsense"), [] as [u64; 0]);
    }

    #[test]
    fn the_memory_of_the_machine_is_read() {
        assert_eq!(total("MemTotal:       24683660 kB\nMemFree: 1 kB\n"), Some(24_683_660 << 10));
        assert_eq!(total("nonsense"), None);
    }
}
