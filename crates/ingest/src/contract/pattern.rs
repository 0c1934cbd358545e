//! The glob by which a contract names its files.

use std::path::{Path, PathBuf};

/// Does a part of a path hold a wildcard?
pub fn is_wild(part: &Path) -> bool {
    part.to_string_lossy().contains(['*', '?', '['])
}

/// The folders of a pattern before its first wildcard.
pub fn folder(pattern: &Path) -> PathBuf {
    let fixed = pattern.components().take_while(|part| !is_wild(part.as_ref())).collect::<PathBuf>();
    match fixed == pattern {
        true => fixed.parent().map(Path::to_owned).unwrap_or_default(),
        false => fixed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_pattern_ends_before_its_first_wildcard() {
        assert_eq!(folder(Path::new("/a/b/*.csv")), Path::new("/a/b"));
        assert_eq!(folder(Path::new("/a/*/c.csv")), Path::new("/a"));
        assert_eq!(folder(Path::new("/a/b/c.csv")), Path::new("/a/b"));
    }
}
