//! Images on their way to an archive or a registry.

use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use serde::Serialize;

use super::findings::counted;
use super::printer::Printer;
use crate::images::push::{Push, Pushed};

/// An archive that was written, as documents have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SavedArchive {
    /// Where it is, as it was asked for.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Names of the images in it.
    pub images: Vec<String>,
}

/// An image at a registry, as documents have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PushedImage {
    /// Its name here.
    pub image: String,
    /// Its name there.
    pub reference: String,
    /// Digest of its manifest there.
    pub digest: String,
}

/// Shows images as they get there: a bar on a terminal, lines elsewhere.
pub struct Delivery<'a> {
    printer: &'a Printer,
    bar: ProgressBar,
    images: usize,
}

impl<'a> Delivery<'a> {
    /// So many images; `verb` is what happens to them, as in `saving`, and `to` where they go.
    #[must_use]
    pub fn new(printer: &'a Printer, verb: &str, images: usize, to: &str) -> Self {
        printer.step(verb, format!("{} to {to}", counted(images, "image")));
        let bar = if printer.draws_bars() {
            let style = ProgressStyle::with_template("{bar:30.green} {pos}/{len} images  {elapsed}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let length = u64::try_from(images).unwrap_or(0);
            let bar = printer.bars().add(ProgressBar::new(length).with_style(style));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        } else {
            ProgressBar::hidden()
        };
        Self { printer, bar, images }
    }

    /// One more image is there.
    pub fn one_more(&self) {
        self.bar.inc(1);
    }

    /// An image is at the registry.
    pub fn pushed(&self, push: &Push, pushed: &Pushed) {
        self.one_more();
        let what = format!("{} in {:.1} s", push.to, pushed.elapsed.as_secs_f64());
        self.printer.step("pushed", what);
    }

    /// An image is not, for that reason.
    pub fn not_pushed(&self, push: &Push, why: &str) {
        self.one_more();
        self.printer
            .error(format!("cannot push `{}` to `{}`\n  {why}", push.name, push.to));
    }

    /// All of them are in an archive of so many bytes.
    pub fn saved(self, file: &Path, bytes: u64, wall: Duration) {
        self.bar.finish_and_clear();
        #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
        let megabytes = bytes as f64 / 1e6;
        self.printer.step(
            "saved",
            format!(
                "{} to {}: {megabytes:.1} MB in {:.1} s",
                counted(self.images, "image"),
                file.display(),
                wall.as_secs_f64()
            ),
        );
    }

    /// So many of them are at the registry; nothing is pushed on top of what could not be.
    pub fn finish_push(self, pushed: usize, wall: Duration) {
        self.bar.finish_and_clear();
        let failed = self.images - pushed;
        let failures = if failed > 0 {
            format!(", {failed} not")
        } else {
            String::new()
        };
        self.printer.step(
            "pushed",
            format!("{}{failures}, in {:.1} s", counted(pushed, "image"), wall.as_secs_f64()),
        );
    }
}
