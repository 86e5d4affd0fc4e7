//! Variables that a file such as `.env` has on the machine where somebody develops: no image has that file.

use crate::sandbox::Sandbox;

const STACK: &str = "\
version: 1
name: odd
source_tree: tree
images: {namespace: localhost/odd, base_image: docker.io/library/python:3.11-slim, requirements: requirements.txt}
machines:
  home:
    startup_config: startup.yaml
    code: [src]
    lan_address: 192.168.77.1
    address_variable: HOME_IP
    network: {name: odd_home, subnet: 172.30.0.0/16}
groups:
  odd-a:
    machine: home
    address: 172.30.0.10
    phase: 2
    published_status_port: 29801
    agents: [Hub]
";

/// What the audit says of an agent that begins so, with a `.env` beside it.
fn verdict(source: &str, more: &str) -> (String, String) {
    let sandbox = Sandbox::empty();
    for folder in ["config", "tree/src"] {
        std::fs::create_dir_all(sandbox.path(folder)).unwrap();
    }
    for (path, text) in [
        ("config/stack.yaml", format!("{STACK}{more}").as_str()),
        (
            "tree/startup.yaml",
            "agents:\n  - {name: Hub, script_path: src/hub.py, port: 6101, health_check_port: 6102}\n",
        ),
        (
            "tree/requirements.txt",
            "pyzmq\nPyYAML\npython-dotenv\npython-decouple\npydantic-settings\n",
        ),
        ("tree/.env", "API_KEY=x\n"),
        ("tree/src/.env", "API_KEY=x\n"),
        (
            "tree/src/hub.py",
            &format!(
                "import argparse, os, zmq\n{source}\np = argparse.ArgumentParser()\np.add_argument('--port')\n\
                 p.add_argument('--health_check_port', type=int)\np.add_argument('--name')\na, rest = p.parse_known_args()\n\
                 h = zmq.Context().socket(zmq.REP)\nh.bind(f'tcp://*:{{a.health_check_port}}')\nwhile True:\n    h.recv()\n    \
                 h.send_json({{'status': 'ok'}})\n"
            ),
        ),
    ] {
        std::fs::write(sandbox.path(path), text).unwrap();
    }
    let ran = sandbox.run(&["audit", "--format", "json"]);
    let report: serde_json::Value =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:#?}"));
    let agent = &report["agents"][0];
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    (text(&agent["prediction"]), text(&agent["rule"]))
}

#[test]
fn a_file_that_no_image_has_hides_no_missing_variable() {
    for load in [
        "from dotenv import load_dotenv\nload_dotenv()",
        "import dotenv\ndotenv.load_dotenv(override=True)",
        "from dotenv import find_dotenv, load_dotenv\nload_dotenv(find_dotenv())",
        "from pathlib import Path\nfrom dotenv import load_dotenv\nload_dotenv(Path(__file__).parent / '.env')",
        "from dotenv import dotenv_values\nVALUES = dotenv_values()",
    ] {
        let read = format!("{load}\nKEY = os.environ['API_KEY']");
        assert_eq!(
            verdict(&read, ""),
            ("cannot_start".to_owned(), "start/environment".to_owned()),
            "{load}"
        );
        // Set by the stack, or by a file that may be there.
        assert_eq!(verdict(&read, "    environment: {API_KEY: y}\n").0, "starts", "{load}");
        let safe = format!("{load}\nKEY = os.getenv('API_KEY', 'none')");
        assert_eq!(verdict(&safe, "").0, "starts", "{load}");
    }
    let read = "from dotenv import load_dotenv\nload_dotenv()\nKEY = os.environ['API_KEY']";
    assert_eq!(verdict(read, "    include: [src/.env]\n").0, "starts");
    for load in [
        "from dotenv import load_dotenv\nload_dotenv('/app/config/keys.env')",
        "from dotenv import load_dotenv\nload_dotenv(os.environ.get('ENV_FILE', 'x'))",
        "from dotenv import dotenv_values\nos.environ.update(dotenv_values('/app/config/.env'))",
    ] {
        let read = format!("{load}\nKEY = os.environ['API_KEY']");
        assert_ne!(verdict(&read, "").0, "cannot_start", "{load}");
    }
}

#[test]
fn other_readers_of_such_files_are_not_said_to_fail() {
    for source in [
        "from decouple import config\nKEY = config('API_KEY', default='none')",
        "from pydantic_settings import BaseSettings, SettingsConfigDict\nclass Settings(BaseSettings):\n    \
         model_config = SettingsConfigDict(env_file='.env')\n    api_key: str = 'none'\nSETTINGS = Settings()",
    ] {
        assert_ne!(verdict(source, "").0, "cannot_start", "{source}");
    }
}
