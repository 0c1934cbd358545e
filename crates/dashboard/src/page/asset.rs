//! Style sheet, scripts and pictures, embedded in the program. Their addresses hold a hash, so browsers keep them for good.

use std::io::Write;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::chart::palette;

/// A file that pages load.
pub struct Asset {
    name: &'static str,
    /// Media type.
    pub content_type: &'static str,
    /// As it is.
    pub plain: Vec<u8>,
    /// Compressed; empty if that failed.
    pub gzip: Vec<u8>,
    /// Stands for the content.
    pub hash: String,
}

static ASSETS: LazyLock<[Asset; 4]> = LazyLock::new(|| {
    let style = palette::stylesheet() + include_str!("../../../../dashboards/web/site.css");
    [
        Asset::new("site.css", "text/css; charset=utf-8", style),
        Asset::new(
            "site.js",
            "text/javascript; charset=utf-8",
            include_str!("../../../../dashboards/web/site.js").to_owned(),
        ),
        Asset::new(
            "theme.js",
            "text/javascript; charset=utf-8",
            include_str!("../../../../dashboards/web/theme.js").to_owned(),
        ),
        Asset::new("favicon.svg", "image/svg+xml", include_str!("../../../../dashboards/web/favicon.svg").to_owned()),
    ]
});

/// The asset of this name.
pub fn named(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

/// Its address, which changes whenever it does.
pub fn address(name: &str) -> String {
    named(name).map_or_else(String::new, |asset| format!("/assets/{name}?v={}", asset.hash))
}

impl Asset {
    fn new(name: &'static str, content_type: &'static str, text: String) -> Self {
        let hash = Sha256::digest(&text).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        // Into memory: it cannot fail, and an empty one is not sent.
        let gzip = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).unwrap_or_default();
        Self { name, content_type, plain: text.into_bytes(), gzip, hash }
    }
}
