//! Which distribution brings which module. Only what is widely known: a name that is not here proves nothing. What is known
//! whole, with all that it installs, stands in `distributions.txt`; of what is in `modules.txt`, modules alone are known.

use std::sync::LazyLock;

use rustc_hash::{FxHashMap, FxHashSet};

/// Module → distributions that bring it, the usual one first.
const PROVIDERS: &[(&str, &[&str])] = &[
    (
        "cv2",
        &[
            "opencv-python",
            "opencv-python-headless",
            "opencv-contrib-python",
            "opencv-contrib-python-headless",
        ],
    ),
    ("PIL", &["pillow", "pillow-simd"]),
    ("sklearn", &["scikit-learn"]),
    ("skimage", &["scikit-image"]),
    ("yaml", &["pyyaml"]),
    ("zmq", &["pyzmq"]),
    ("bs4", &["beautifulsoup4"]),
    ("dotenv", &["python-dotenv"]),
    ("dateutil", &["python-dateutil"]),
    ("serial", &["pyserial"]),
    ("git", &["gitpython"]),
    ("jwt", &["pyjwt"]),
    ("OpenSSL", &["pyopenssl"]),
    ("Crypto", &["pycryptodome", "pycrypto"]),
    ("Cryptodome", &["pycryptodomex"]),
    ("nacl", &["pynacl"]),
    ("magic", &["python-magic"]),
    ("docx", &["python-docx"]),
    ("pptx", &["python-pptx"]),
    ("fitz", &["pymupdf"]),
    ("usb", &["pyusb"]),
    ("Xlib", &["python-xlib"]),
    ("attr", &["attrs"]),
    ("attrs", &["attrs"]),
    (
        "google",
        &[
            "protobuf",
            "google-cloud-storage",
            "google-api-core",
            "google-auth",
            "googleapis-common-protos",
        ],
    ),
    ("pkg_resources", &["setuptools"]),
    ("websocket", &["websocket-client"]),
    ("socketio", &["python-socketio"]),
    ("engineio", &["python-engineio"]),
    ("telegram", &["python-telegram-bot"]),
    ("discord", &["discord-py"]),
    ("slack_sdk", &["slack-sdk"]),
    ("speech_recognition", &["speechrecognition"]),
    ("pyttsx3", &["pyttsx3"]),
    ("sounddevice", &["sounddevice"]),
    ("soundfile", &["soundfile"]),
    ("pyaudio", &["pyaudio"]),
    ("webrtcvad", &["webrtcvad", "webrtcvad-wheels"]),
    ("pvporcupine", &["pvporcupine"]),
    ("whisper", &["openai-whisper"]),
    ("faster_whisper", &["faster-whisper"]),
    ("TTS", &["tts", "coqui-tts"]),
    ("llama_cpp", &["llama-cpp-python"]),
    ("sentence_transformers", &["sentence-transformers"]),
    ("faiss", &["faiss-cpu", "faiss-gpu"]),
    ("face_recognition", &["face-recognition"]),
    ("insightface", &["insightface"]),
    ("onnxruntime", &["onnxruntime", "onnxruntime-gpu"]),
    ("pynvml", &["nvidia-ml-py", "pynvml"]),
    ("GPUtil", &["gputil"]),
    ("psycopg2", &["psycopg2", "psycopg2-binary"]),
    ("MySQLdb", &["mysqlclient"]),
    ("pymysql", &["pymysql"]),
    ("mysql", &["mysql-connector-python"]),
    ("redis", &["redis"]),
    ("pymongo", &["pymongo"]),
    ("bson", &["pymongo"]),
    ("neo4j", &["neo4j"]),
    ("chromadb", &["chromadb"]),
    ("langdetect", &["langdetect"]),
    ("fasttext", &["fasttext", "fasttext-wheel"]),
    ("googletrans", &["googletrans"]),
    ("deep_translator", &["deep-translator"]),
    ("sentencepiece", &["sentencepiece"]),
    ("nltk", &["nltk"]),
    ("spacy", &["spacy"]),
    ("gensim", &["gensim"]),
    ("textblob", &["textblob"]),
    ("numpy", &["numpy"]),
    ("scipy", &["scipy"]),
    ("pandas", &["pandas"]),
    ("matplotlib", &["matplotlib"]),
    ("seaborn", &["seaborn"]),
    ("torch", &["torch"]),
    ("torchvision", &["torchvision"]),
    ("torchaudio", &["torchaudio"]),
    ("tensorflow", &["tensorflow", "tensorflow-cpu", "tensorflow-gpu"]),
    ("keras", &["keras"]),
    ("jax", &["jax"]),
    ("transformers", &["transformers"]),
    ("tokenizers", &["tokenizers"]),
    ("accelerate", &["accelerate"]),
    ("bitsandbytes", &["bitsandbytes"]),
    ("datasets", &["datasets"]),
    ("peft", &["peft"]),
    ("diffusers", &["diffusers"]),
    ("huggingface_hub", &["huggingface-hub"]),
    ("openai", &["openai"]),
    ("anthropic", &["anthropic"]),
    ("tiktoken", &["tiktoken"]),
    ("langchain", &["langchain"]),
    ("ollama", &["ollama"]),
    ("requests", &["requests"]),
    ("urllib3", &["urllib3"]),
    ("certifi", &["certifi"]),
    ("httpx", &["httpx"]),
    ("aiohttp", &["aiohttp"]),
    ("aiofiles", &["aiofiles"]),
    ("websockets", &["websockets"]),
    ("flask", &["flask"]),
    ("flask_cors", &["flask-cors"]),
    ("fastapi", &["fastapi"]),
    ("starlette", &["starlette"]),
    ("uvicorn", &["uvicorn"]),
    ("pydantic", &["pydantic"]),
    ("pydantic_settings", &["pydantic-settings"]),
    ("django", &["django"]),
    ("jinja2", &["jinja2"]),
    ("werkzeug", &["werkzeug"]),
    ("tornado", &["tornado"]),
    ("sqlalchemy", &["sqlalchemy"]),
    ("alembic", &["alembic"]),
    ("psutil", &["psutil"]),
    ("tqdm", &["tqdm"]),
    ("rich", &["rich"]),
    ("click", &["click"]),
    ("typer", &["typer"]),
    ("colorama", &["colorama"]),
    ("termcolor", &["termcolor"]),
    ("tabulate", &["tabulate"]),
    ("loguru", &["loguru"]),
    ("structlog", &["structlog"]),
    ("msgpack", &["msgpack"]),
    ("orjson", &["orjson"]),
    ("ujson", &["ujson"]),
    ("simplejson", &["simplejson"]),
    ("toml", &["toml"]),
    ("tomli", &["tomli"]),
    ("lz4", &["lz4"]),
    ("zstandard", &["zstandard"]),
    ("cryptography", &["cryptography"]),
    ("bcrypt", &["bcrypt"]),
    ("paramiko", &["paramiko"]),
    ("docker", &["docker"]),
    ("kubernetes", &["kubernetes"]),
    ("boto3", &["boto3"]),
    ("grpc", &["grpcio"]),
    ("prometheus_client", &["prometheus-client"]),
    ("opentelemetry", &["opentelemetry-api"]),
    ("sentry_sdk", &["sentry-sdk"]),
    ("schedule", &["schedule"]),
    ("apscheduler", &["apscheduler"]),
    ("celery", &["celery"]),
    ("pika", &["pika"]),
    ("kafka", &["kafka-python"]),
    ("paho", &["paho-mqtt"]),
    ("networkx", &["networkx"]),
    ("sympy", &["sympy"]),
    ("numba", &["numba"]),
    ("joblib", &["joblib"]),
    ("librosa", &["librosa"]),
    ("pydub", &["pydub"]),
    ("noisereduce", &["noisereduce"]),
    ("simpleaudio", &["simpleaudio"]),
    ("playsound", &["playsound"]),
    ("pygame", &["pygame"]),
    ("pyautogui", &["pyautogui"]),
    ("pynput", &["pynput"]),
    ("keyboard", &["keyboard"]),
    ("mss", &["mss"]),
    ("selenium", &["selenium"]),
    ("playwright", &["playwright"]),
    ("lxml", &["lxml"]),
    ("pytesseract", &["pytesseract"]),
    ("easyocr", &["easyocr"]),
    ("ultralytics", &["ultralytics"]),
    ("mediapipe", &["mediapipe"]),
    ("dlib", &["dlib"]),
    ("deepface", &["deepface"]),
    ("pytz", &["pytz"]),
    ("tzlocal", &["tzlocal"]),
    ("six", &["six"]),
    ("packaging", &["packaging"]),
    ("filelock", &["filelock"]),
    ("watchdog", &["watchdog"]),
    ("pytest", &["pytest"]),
    ("tenacity", &["tenacity"]),
    ("cachetools", &["cachetools"]),
    ("diskcache", &["diskcache"]),
    ("aiosqlite", &["aiosqlite"]),
    ("asyncpg", &["asyncpg"]),
    ("win32api", &["pywin32"]),
    ("win32gui", &["pywin32"]),
    ("win32con", &["pywin32"]),
    ("markdown", &["markdown"]),
    ("regex", &["regex"]),
    ("rapidfuzz", &["rapidfuzz"]),
    ("fuzzywuzzy", &["fuzzywuzzy"]),
    ("Levenshtein", &["levenshtein", "python-levenshtein"]),
    ("dns", &["dnspython"]),
    ("netifaces", &["netifaces"]),
    ("nmap", &["python-nmap"]),
    ("plotly", &["plotly"]),
    ("dash", &["dash"]),
    ("streamlit", &["streamlit"]),
    ("gradio", &["gradio"]),
    ("typing_extensions", &["typing-extensions"]),
    ("resemblyzer", &["resemblyzer"]),
    ("speechbrain", &["speechbrain"]),
    ("pyannote", &["pyannote-audio"]),
    ("vosk", &["vosk"]),
    ("nemo", &["nemo-toolkit"]),
    ("edge_tts", &["edge-tts"]),
    ("gtts", &["gtts"]),
    ("styletts2", &["styletts2"]),
    ("ctranslate2", &["ctranslate2"]),
    ("argostranslate", &["argostranslate"]),
    ("snowflake", &["snowflake-connector-python"]),
    ("wandb", &["wandb"]),
    ("mlflow", &["mlflow"]),
    ("xgboost", &["xgboost"]),
    ("lightgbm", &["lightgbm"]),
    ("einops", &["einops"]),
    ("safetensors", &["safetensors"]),
    ("imageio", &["imageio"]),
    ("h5py", &["h5py"]),
    ("pyarrow", &["pyarrow"]),
    ("openpyxl", &["openpyxl"]),
];

/// Distribution → modules that what it depends on brings.
const BRINGS: &[(&str, &[&str])] = &[
    ("requests", &["urllib3", "certifi", "idna", "charset_normalizer"]),
    ("pandas", &["numpy", "dateutil", "pytz", "six"]),
    ("scipy", &["numpy"]),
    ("matplotlib", &["numpy", "PIL", "dateutil", "packaging", "six"]),
    ("scikit-learn", &["numpy", "scipy", "joblib"]),
    ("opencv-python", &["numpy"]),
    ("opencv-python-headless", &["numpy"]),
    ("opencv-contrib-python", &["numpy"]),
    (
        "torch",
        &["sympy", "networkx", "jinja2", "filelock", "typing_extensions"],
    ),
    ("torchvision", &["torch", "numpy", "PIL"]),
    ("torchaudio", &["torch"]),
    (
        "transformers",
        &[
            "numpy",
            "yaml",
            "requests",
            "tqdm",
            "regex",
            "filelock",
            "packaging",
            "huggingface_hub",
            "tokenizers",
            "safetensors",
        ],
    ),
    (
        "sentence-transformers",
        &[
            "transformers",
            "torch",
            "numpy",
            "sklearn",
            "scipy",
            "tqdm",
            "huggingface_hub",
            "PIL",
        ],
    ),
    (
        "huggingface-hub",
        &["requests", "tqdm", "yaml", "filelock", "packaging", "typing_extensions"],
    ),
    ("openai-whisper", &["torch", "numpy", "tqdm", "tiktoken", "numba"]),
    (
        "faster-whisper",
        &[
            "ctranslate2",
            "huggingface_hub",
            "tokenizers",
            "onnxruntime",
            "numpy",
            "tqdm",
            "av",
        ],
    ),
    ("fastapi", &["pydantic", "starlette", "typing_extensions", "anyio"]),
    ("flask", &["werkzeug", "jinja2", "click", "itsdangerous", "markupsafe"]),
    ("uvicorn", &["click", "h11"]),
    ("httpx", &["httpcore", "certifi", "idna", "anyio", "h11"]),
    ("pydantic", &["typing_extensions", "pydantic_core", "annotated_types"]),
    ("openai", &["httpx", "pydantic", "anyio", "tqdm", "typing_extensions"]),
    ("aiohttp", &["multidict", "yarl", "attr", "aiosignal", "frozenlist"]),
    ("nltk", &["click", "joblib", "regex", "tqdm"]),
    (
        "spacy",
        &[
            "numpy", "requests", "pydantic", "tqdm", "jinja2", "thinc", "srsly", "typer",
        ],
    ),
    (
        "librosa",
        &[
            "numpy",
            "scipy",
            "sklearn",
            "joblib",
            "numba",
            "soundfile",
            "soxr",
            "pooch",
        ],
    ),
    ("soundfile", &["cffi", "numpy"]),
    ("sounddevice", &["cffi"]),
    ("face-recognition", &["dlib", "numpy", "PIL", "click"]),
    (
        "insightface",
        &[
            "numpy",
            "onnx",
            "tqdm",
            "requests",
            "matplotlib",
            "PIL",
            "scipy",
            "sklearn",
            "skimage",
            "cv2",
        ],
    ),
    ("onnxruntime", &["numpy", "google", "packaging", "sympy"]),
    (
        "tensorflow",
        &["numpy", "keras", "h5py", "google", "absl", "six", "requests"],
    ),
    (
        "ultralytics",
        &[
            "torch",
            "torchvision",
            "numpy",
            "cv2",
            "PIL",
            "yaml",
            "requests",
            "scipy",
            "tqdm",
            "psutil",
            "pandas",
            "matplotlib",
        ],
    ),
    ("cryptography", &["cffi"]),
    ("paramiko", &["cryptography", "bcrypt", "nacl"]),
    ("boto3", &["botocore", "dateutil", "urllib3"]),
    ("rich", &["pygments", "markdown_it"]),
    ("typer", &["click", "rich"]),
    ("beautifulsoup4", &["soupsieve"]),
    ("sqlalchemy", &["greenlet", "typing_extensions"]),
    (
        "accelerate",
        &[
            "torch",
            "numpy",
            "psutil",
            "yaml",
            "packaging",
            "huggingface_hub",
            "safetensors",
        ],
    ),
    (
        "chromadb",
        &[
            "numpy",
            "requests",
            "pydantic",
            "fastapi",
            "uvicorn",
            "onnxruntime",
            "tqdm",
            "yaml",
        ],
    ),
    ("gtts", &["requests", "click"]),
    (
        "tts",
        &[
            "torch",
            "torchaudio",
            "numpy",
            "scipy",
            "librosa",
            "soundfile",
            "tqdm",
            "pandas",
            "matplotlib",
        ],
    ),
    ("docker", &["requests", "urllib3"]),
    ("python-dateutil", &["six"]),
    ("gitpython", &["gitdb"]),
    (
        "kubernetes",
        &["yaml", "requests", "dateutil", "six", "certifi", "urllib3"],
    ),
];

/// A distribution that is known whole.
struct Whole {
    /// Its top-level modules.
    modules: Vec<&'static str>,
    /// Distributions that it installs besides itself.
    needs: Vec<&'static str>,
}

static WHOLE: LazyLock<FxHashMap<&str, Whole>> = LazyLock::new(|| {
    include_str!("distributions.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let (name, rest) = line.split_once(':')?;
            let (modules, needs) = rest.split_once('|')?;
            Some((
                name,
                Whole {
                    modules: modules.split_whitespace().collect(),
                    needs: needs.split_whitespace().collect(),
                },
            ))
        })
        .collect()
});

/// Module → a distribution of [`WHOLE`] that brings it.
static FIRST_OF: LazyLock<FxHashMap<&str, [&'static str; 1]>> = LazyLock::new(|| {
    let mut first: FxHashMap<&str, [&'static str; 1]> = FxHashMap::default();
    for (name, whole) in WHOLE.iter() {
        for module in &whole.modules {
            first
                .entry(*module)
                .and_modify(|known| known[0] = (*name).min(known[0]))
                .or_insert([*name]);
        }
    }
    first
});

/// What distributions bring of which no more is known than that: each with its modules, in the order of their names.
static MODULES: LazyLock<FxHashMap<&str, Vec<&'static str>>> = LazyLock::new(|| {
    include_str!("modules.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(':'))
        .map(|(name, modules)| (name, modules.split_whitespace().collect()))
        .collect()
});

/// Module → the distribution of [`MODULES`] that owns it. One that brings several owns those that have its name.
static OWNER: LazyLock<FxHashMap<&str, [&'static str; 1]>> = LazyLock::new(|| {
    let mut owners: FxHashMap<&str, [&'static str; 1]> = FxHashMap::default();
    for (name, modules) in MODULES.iter() {
        let plain = |text: &str| text.to_lowercase().replace(['-', '_'], "");
        let is_own = |module: &&&str| {
            let (name, module) = (plain(name), plain(module));
            modules.len() == 1 || name.contains(&module) || module.contains(&name)
        };
        // Of two, the one that is named like it, else the one that brings less, or has the shorter name.
        let order = |of: &&'static str, module: &str| {
            let brings = MODULES.get(of).map_or(0, Vec::len);
            (normalised(module) != **of, brings, of.len(), *of)
        };
        for module in modules.iter().filter(is_own) {
            owners
                .entry(module)
                .and_modify(|known| {
                    if order(name, module) < order(&known[0], module) {
                        *known = [*name];
                    }
                })
                .or_insert([*name]);
        }
    }
    owners
});

/// Parts of namespaces that many distributions share → the distribution that brings them.
const PARTS: &[(&str, [&str; 1])] = &[
    ("google.cloud.aiplatform", ["google-cloud-aiplatform"]),
    ("google.cloud.bigquery", ["google-cloud-bigquery"]),
    ("google.cloud.datastore", ["google-cloud-datastore"]),
    ("google.cloud.dialogflow", ["google-cloud-dialogflow"]),
    ("google.cloud.documentai", ["google-cloud-documentai"]),
    ("google.cloud.firestore", ["google-cloud-firestore"]),
    ("google.cloud.language", ["google-cloud-language"]),
    ("google.cloud.logging", ["google-cloud-logging"]),
    ("google.cloud.pubsub", ["google-cloud-pubsub"]),
    ("google.cloud.pubsub_v1", ["google-cloud-pubsub"]),
    ("google.cloud.secretmanager", ["google-cloud-secret-manager"]),
    ("google.cloud.spanner", ["google-cloud-spanner"]),
    ("google.cloud.speech", ["google-cloud-speech"]),
    ("google.cloud.storage", ["google-cloud-storage"]),
    ("google.cloud.tasks_v2", ["google-cloud-tasks"]),
    ("google.cloud.texttospeech", ["google-cloud-texttospeech"]),
    ("google.cloud.translate", ["google-cloud-translate"]),
    ("google.cloud.translate_v2", ["google-cloud-translate"]),
    ("google.cloud.vision", ["google-cloud-vision"]),
    ("google.genai", ["google-genai"]),
    ("google.generativeai", ["google-generativeai"]),
    ("azure.cognitiveservices.speech", ["azure-cognitiveservices-speech"]),
    ("azure.cosmos", ["azure-cosmos"]),
    ("azure.eventhub", ["azure-eventhub"]),
    ("azure.identity", ["azure-identity"]),
    ("azure.keyvault.secrets", ["azure-keyvault-secrets"]),
    ("azure.servicebus", ["azure-servicebus"]),
    ("azure.storage.blob", ["azure-storage-blob"]),
    ("azure.storage.queue", ["azure-storage-queue"]),
    ("opentelemetry.sdk", ["opentelemetry-sdk"]),
    ("opentelemetry.exporter.otlp", ["opentelemetry-exporter-otlp"]),
    ("opentelemetry.instrumentation", ["opentelemetry-instrumentation"]),
    ("ruamel.yaml", ["ruamel-yaml"]),
];

/// The distribution that brings a part of a shared namespace, where it is known.
#[must_use]
pub fn part_of_namespace(module: &str) -> Option<&'static str> {
    PARTS
        .iter()
        .find(|(part, _)| *part == module)
        .map(|(_, distribution)| distribution[0])
}

/// The same, as a list.
#[must_use]
pub fn providers_of_part(module: &str) -> &'static [&'static str] {
    let part = PARTS.iter().find(|(part, _)| *part == module);
    part.map(|(_, distribution)| distribution.as_slice())
        .unwrap_or_default()
}

/// Distributions that are of use without being imported.
const NEVER_IMPORTED: &[&str] = &[
    "pip",
    "setuptools",
    "wheel",
    "pytest",
    "black",
    "ruff",
    "flake8",
    "mypy",
    "isort",
    "gunicorn",
    "uvicorn",
    "accelerate",
    "sentencepiece",
    "protobuf",
    "python-multipart",
    "tokenizers",
    "safetensors",
    "onnxruntime",
    "pyarrow",
    "tzdata",
    "certifi",
    "lxml",
    "html5lib",
    "openpyxl",
    "cffi",
    "h5py",
    "sacremoses",
    "phonemizer",
    "ninja",
    "triton",
    "xformers",
    "bitsandbytes",
    "en-core-web-sm",
];

/// A distribution's name as PEP 503 compares it.
#[must_use]
pub fn normalised(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for character in name.chars() {
        if matches!(character, '-' | '_' | '.') {
            if !out.ends_with('-') {
                out.push('-');
            }
        } else {
            out.push(character.to_ascii_lowercase());
        }
    }
    out
}

/// Distributions known to bring a top-level module; empty where none is known.
#[must_use]
pub fn providers(module: &str) -> &'static [&'static str] {
    PROVIDERS
        .iter()
        .find(|(known, _)| *known == module)
        .map(|(_, providers)| *providers)
        .or_else(|| {
            FIRST_OF
                .get(module)
                .or_else(|| OWNER.get(module))
                .map(<[&str; 1]>::as_slice)
        })
        .unwrap_or_default()
}

/// A distribution and all that it installs; nothing where some of that is not known.
#[must_use]
pub fn installs(distribution: &str) -> Option<FxHashSet<&'static str>> {
    let mut found = FxHashSet::default();
    let mut open = vec![distribution];
    while let Some(name) = open.pop() {
        let (name, whole) = WHOLE.get_key_value(name)?;
        if found.insert(*name) {
            open.extend(&whole.needs);
        }
    }
    Some(found)
}

/// Whether a distribution that is known whole brings a module, or what it installs does.
fn brings_in_all(distribution: &str, module: &str) -> bool {
    let mut seen = FxHashSet::default();
    let mut open = vec![distribution];
    while let Some(name) = open.pop() {
        let Some((name, whole)) = WHOLE.get_key_value(name).filter(|(name, _)| seen.insert(**name)) else {
            continue;
        };
        if whole.modules.contains(&module) || is_of(name, module) {
            return true;
        }
        open.extend(&whole.needs);
    }
    false
}

/// Whether a distribution (normalised) brings a top-level module: itself, or through what it depends on.
#[must_use]
pub fn brings(distribution: &str, module: &str) -> bool {
    is_of(distribution, module)
        || BRINGS
            .iter()
            .any(|(known, modules)| *known == distribution && modules.contains(&module))
        || brings_in_all(distribution, module)
}

/// Whether the module is the distribution's own.
#[must_use]
pub fn is_of(distribution: &str, module: &str) -> bool {
    let known = providers(module);
    known.contains(&distribution)
        || WHOLE
            .get(distribution)
            .is_some_and(|whole| whole.modules.contains(&module))
        || MODULES
            .get(distribution)
            .is_some_and(|modules| modules.contains(&module))
        || normalised(module) == distribution
        || (known.is_empty() && distribution.strip_prefix("python-") == Some(normalised(module).as_str()))
        // `google-cloud-x`, `opentelemetry-x`, `nvidia-x`: one namespace, many distributions.
        || (matches!(module, "google" | "opentelemetry" | "nvidia" | "azure") && distribution.starts_with(module))
}

/// Whether nobody expects it to be imported.
#[must_use]
pub fn never_imported(distribution: &str) -> bool {
    NEVER_IMPORTED.contains(&distribution) || distribution.starts_with("types-") || distribution.starts_with("nvidia-")
}

/// Whether anything about the distribution's modules is known, or follows from its name.
#[must_use]
pub fn module_of(distribution: &str) -> String {
    PROVIDERS
        .iter()
        .find(|(_, providers)| providers.contains(&distribution))
        .map_or_else(|| distribution.replace('-', "_"), |(module, _)| (*module).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_between_imports_and_distributions() {
        assert!(is_of("opencv-python-headless", "cv2") && is_of("pyyaml", "yaml") && is_of("pyzmq", "zmq"));
        assert!(is_of("faster-whisper", "faster_whisper"));
        assert!(brings("pandas", "numpy") && !is_of("pandas", "numpy"));
        assert_eq!(normalised("Foo_.Bar"), "foo-bar");
        assert_eq!(module_of("pyyaml"), "yaml");
        assert!(is_of("pygithub", "github") && brings("pygithub", "nacl") && !is_of("pygithub", "nacl"));
    }

    #[test]
    fn much_used_distributions_own_their_modules() {
        assert_eq!(providers("gevent"), ["gevent"]);
        assert_eq!(providers("twisted"), ["twisted"]);
        assert_eq!(providers("passlib"), ["passlib"]);
        assert_eq!(providers("nats"), ["nats-py"]);
        assert!(is_of("gevent", "gevent") && brings("python-jose", "jose"));
        // Names that trees give their own modules are nobody's.
        for common in [
            "utils", "core", "memory", "trainer", "engine", "common", "agents", "events",
        ] {
            assert_eq!(providers(common), [""; 0], "{common}");
        }
        assert!(MODULES.len() + WHOLE.len() > 2_000);
        assert!(MODULES.keys().all(|name| normalised(name) == *name));
    }

    #[test]
    fn what_is_known_whole_ends() {
        let installed = installs("requests").unwrap();
        assert!(installed.contains("idna") && installed.contains("requests"));
        assert_eq!(installs("a-distribution-of-nobody"), None);
        for name in WHOLE.keys() {
            assert_eq!(normalised(name), *name);
            let gaps: Vec<&str> = WHOLE[name]
                .needs
                .iter()
                .copied()
                .filter(|need| !WHOLE.contains_key(need))
                .collect();
            assert_eq!(gaps, Vec::<&str>::new(), "{name}");
        }
    }
}
