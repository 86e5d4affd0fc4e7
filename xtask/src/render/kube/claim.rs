//! `PersistentVolumeClaims`: the volumes of a machine, which its groups share.

use serde::Serialize;

use super::names::{Names, label};
use super::object::{Metadata, Object, machine_selector};
use crate::stack::model::Volume;
use crate::stack::{MachineId, Stack};

/// Room that is asked for. The stack does not say how much its volumes need; an overlay can.
const STORAGE: &str = "10Gi";

/// What is claimed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    access_modes: [&'static str; 1],
    resources: Resources,
}

#[derive(Serialize)]
struct Resources {
    requests: Requests,
}

#[derive(Serialize)]
struct Requests {
    storage: &'static str,
}

/// Name of a volume's claim. Podman calls the volume so.
pub fn name(names: &Names, id: MachineId, volume: &Volume) -> String {
    format!("{}-{}", names.machine_service(id), label(&volume.name))
}

/// The claims of a machine.
pub fn of_machine(stack: &Stack, names: &Names, id: MachineId) -> Vec<Object<Spec>> {
    let claim = |volume| Object {
        api_version: "v1",
        kind: "PersistentVolumeClaim",
        metadata: Metadata {
            name: name(names, id, volume),
            labels: machine_selector(names, id),
        },
        spec: Spec {
            // On one node, for any number of pods: those of a machine are on one. Every kind of storage can do that.
            access_modes: ["ReadWriteOnce"],
            resources: Resources {
                requests: Requests { storage: STORAGE },
            },
        },
    };
    let machine = &stack.machine(id).name;
    let claimed = stack
        .volumes
        .iter()
        .filter(|volume| volume.absolute_folder(machine).is_none());
    claimed.map(claim).collect()
}
