//! What configuration files hold decides what fails. CPython 3.11 fails where a message is given, and goes on where `Starts` is.

use super::alpha;

const LOADER: &str = "\
import json, os, yaml
from pathlib import Path
HERE = os.path.dirname(os.path.abspath(__file__))
def load(name):
    path = os.path.join(HERE, name)
    if not os.path.exists(path):
        return {}
    with open(path) as file:
        if name.endswith('.yaml'):
            return yaml.safe_load(file)
        return json.load(file)
class A:
    def __init__(self, config=None, host=None):
        self.config = config
    def run(self):
        while True:
            pass
def main():
    config = load('agents.yaml')
";

#[test]
fn what_files_hold() {
    let config = (
        "main/agents.yaml",
        "zmq:\n  port: 7100\n  host: 127.0.0.1\nredis:\nagents:\n  - name: a\n",
    );
    let json = (
        "main/agents.json",
        "{\"zmq\": {\"port\": \"many\"}, \"names\": [\"a\"]}",
    );
    let says = |body: &str| {
        let lines: Vec<String> = body.split('\n').map(|line| format!("    {line}")).collect();
        let script = format!("{LOADER}{}\n    A(config).run()\nmain()\n", lines.join("\n"));
        alpha(&[("main/alpha.py", &script), config, json]).0
    };
    for (body, expected) in [
        ("config['zmq']['port']", "Starts"),
        ("config['zmq']['prot']", "KeyError: 'prot'"),
        ("config['bus']", "KeyError: 'bus'"),
        ("int(config.get('bus'))", "not 'NoneType'"),
        ("int(config.get('bus', 5))", "Starts"),
        ("config.get('zmq').get('port') + 1", "Starts"),
        (
            "config['redis'].get('host')",
            "'NoneType' object has no attribute 'get'",
        ),
        ("config['redis']['host']", "'NoneType' object is not subscriptable"),
        ("config['agents']['a']", "list indices must be integers"),
        ("config['agents'][1]", "list index out of range"),
        ("config.zmq", "'dict' object has no attribute 'zmq'"),
        ("if 'bus' in config:\n    config['bus']", "Starts"),
        (
            "if 'bus' not in config:\n    raise KeyError('bus')",
            "`raise KeyError('bus')`",
        ),
        ("config['bus'] = 1\nconfig['bus']", "Starts"),
        ("config.setdefault('bus', 1)\nconfig['bus']", "Starts"),
        ("config['zmq']['bus'] = 1\nconfig['zmq']['bus']", "Starts"),
        ("other = config\nother['bus'] = 1\nconfig['bus']", "Starts"),
        (
            "for part in config.values():\n    part['bus'] = 1\nconfig['zmq']['bus']",
            "Starts",
        ),
        (
            "for part in config['agents']:\n    part['bus'] = 1\nconfig['agents'][0]['bus']",
            "Starts",
        ),
        (
            "part = config[os.environ['HOME'][:3] or 'zmq']\npart['bus'] = 1\nconfig['zmq']['bus']",
            "Starts",
        ),
        ("fill(config)\nconfig['bus']", "Starts"),
        ("try:\n    config['bus']\nexcept KeyError:\n    pass", "Starts"),
        (
            "int(load('agents.json')['zmq']['port'])",
            "invalid literal for int() with base 10: 'many'",
        ),
        ("A(**config['zmq'])", "got an unexpected keyword argument 'port'"),
        ("json.loads(Path(HERE, 'agents.json').read_text())['zmp']", "Starts"),
        (
            "json.loads((Path(HERE) / 'agents.json').read_text())['zmp']",
            "KeyError: 'zmp'",
        ),
        ("a = A(config)\na.config['bus']", "KeyError: 'bus'"),
        ("a = A(config)\na.config['bus'] = 1\nconfig['bus']", "Starts"),
    ] {
        let body = body.replace("fill(config)", "[part.update(bus=1) for part in [config]]");
        let said = says(&body);
        assert!(said.contains(expected), "{body}: {said}");
    }
}
