//! `CERTIFICATE_VERIFY_FAILED` in a RUN: the host trusts a CA that containers do not know.

use super::facts::HostFacts;
use super::{Diagnosis, Status};

const ID: &str = "ca-bundle";
const TITLE: &str = "certificates in build steps";

pub(super) fn diagnose(facts: &HostFacts) -> Diagnosis {
    match &facts.ca_bundle {
        None => Diagnosis::new(ID, TITLE, Status::NotApplicable, "SSL_CERT_FILE is not set: the image's own bundle is used"),
        Some((path, true)) => Diagnosis::new(ID, TITLE, Status::Ok, format!("{path} is mounted into build steps, never baked in")),
        Some((path, false)) => Diagnosis::new(ID, TITLE, Status::Problem, format!("{path}, named by SSL_CERT_FILE, cannot be read"))
            .because("it cannot be mounted into build steps, so pip does not trust what this host trusts (`CERTIFICATE_VERIFY_FAILED`)")
            .mend("export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"),
    }
}
