//! What is true of the tree in `as_found/`, as CPython 3.11 says when each of its agents is started by itself.

/// Agents that cannot start: machine, name, file and line of the cause, and words of it.
pub const CANNOT_START: [(&str, &str, &str, u64, &str); 13] = [
    (
        "mainpc",
        "PhraseFixer",
        "main_pc_code/agents/phrase_fixer.py",
        9,
        "'[' was never closed",
    ),
    (
        "mainpc",
        "GoalKeeper",
        "main_pc_code/agents/goal_keeper.py",
        10,
        "'join_path' is not defined",
    ),
    (
        "mainpc",
        "FaceMatcher",
        "main_pc_code/agents/face_matcher.py",
        3,
        "No module named 'hearth_faces'",
    ),
    (
        "mainpc",
        "ToneSetter",
        "main_pc_code/agents/tone_setter.py",
        10,
        "takes 1 positional argument but 2 were given",
    ),
    (
        "mainpc",
        "ModelTrainer",
        "main_pc_code/agents/model_trainer.py",
        5,
        "cannot import name 'get_sock'",
    ),
    (
        "mainpc",
        "CodeRunner",
        "main_pc_code/utils/limits.py",
        1,
        "partially initialized module",
    ),
    (
        "mainpc",
        "Scheduler",
        "main_pc_code/agents/scheduler.py",
        15,
        "bound twice",
    ),
    (
        "mainpc",
        "NotesKeeper",
        "main_pc_code/config/startup_config.yaml",
        171,
        "is not in the tree",
    ),
    ("pc2", "DreamLoop", "pc2_code/agents/dream_loop.py", 10, "dream.json"),
    (
        "pc2",
        "TutorAgent",
        "pc2_code/agents/tutor_agent.py",
        8,
        "HEARTH_TUTOR_KEY",
    ),
    (
        "pc2",
        "AuthGate",
        "pc2_code/agents/auth_gate.py",
        19,
        "has no attribute 'secret'",
    ),
    (
        "pc2",
        "PerfLogger",
        "pc2_code/agents/perf_logger.py",
        30,
        "abstract class MemorySink",
    ),
    (
        "pc2",
        "Digest",
        "pc2_code/agents/digest.py",
        6,
        "attempted relative import",
    ),
];

/// Agents that run without one that cannot start.
pub const DEGRADED: [&str; 5] = ["DreamWorld", "EmpathyPlanner", "Planner", "SnippetWriter", "TutorGuide"];

/// One that depends on one of those alone.
pub const BEHIND_THEM: &str = "Simulator";

/// All of its agents.
pub const AGENTS: usize = 60;
