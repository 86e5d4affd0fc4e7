//! `cargo xtask init --ask`: what is doubtful, question by question.

use std::io::BufRead;
use std::path::Path;

use crate::cmd::{Context, Failure, Outcome};
use crate::finding::Severity;
use crate::host::tree::stack_files;
use crate::init::ask::{Answer, read};
use crate::init::{Inference, STACK_FILE};
use crate::report::init as show;

/// Asks on the terminal.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn on_terminal(inference: Inference, path: &Path, context: &Context) -> Outcome<Inference> {
    if !context.printer.can_ask() {
        return Err(Failure::wrong_use(show::no_terminal()));
    }
    let wrong = |inference: &Inference| wrong(inference, path, context);
    go(
        inference,
        &mut std::io::stdin().lock(),
        &|text| context.printer.styled(text),
        &wrong,
    )
}

/// Asks whoever writes the lines that come in, until none comes.
fn go(
    mut inference: Inference,
    lines: &mut dyn BufRead,
    say: &dyn Fn(String),
    wrong: &dyn Fn(&Inference) -> Option<String>,
) -> Outcome<Inference> {
    let questions = inference.questions();
    if questions.is_empty() {
        say(show::nothing_to_ask());
        return Ok(inference);
    }
    for (number, at) in questions.iter().enumerate() {
        let item = inference.items[*at].clone();
        say(show::question(&item, number + 1, questions.len()));
        loop {
            let mut line = String::new();
            let length = lines.read_line(&mut line);
            let length = length.map_err(|error| Failure::wrong_use(format!("cannot read the answer: {error}")))?;
            if length == 0 {
                return Ok(inference);
            }
            let answer = match read(&line, &item.shown) {
                Ok(Answer::Stop) => return Ok(inference),
                Ok(answer) => answer,
                Err(why) => {
                    say(show::again(&why.to_string()));
                    continue;
                }
            };
            let answered = inference.answered(*at, &answer);
            let changes = matches!(answer, Answer::Change(_));
            // What was wrong before is not the answer's fault.
            let is_new = |why: &String| wrong(&inference).as_ref() != Some(why);
            if let Some(why) = changes.then(|| wrong(&answered)).flatten().filter(is_new) {
                say(show::again(&why));
                continue;
            }
            inference = answered;
            break;
        }
    }
    Ok(inference)
}

/// The first thing that is wrong in the stack's own file.
fn wrong(inference: &Inference, path: &Path, context: &Context) -> Option<String> {
    let text = inference.text();
    let written = stack_files::written(&context.repository, STACK_FILE, text.as_bytes(), path);
    let (_, findings) = stack_files::finish_with(&context.repository, written.naming_files_by_tree(), &inference.files);
    let is_of_it = |finding: &&crate::finding::Finding| {
        finding.severity == Severity::Error && finding.place.path.ends_with(STACK_FILE)
    };
    findings.iter().find(is_of_it).map(|finding| finding.text().to_string())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::go;
    use crate::init::{Inference, Input, infer};
    use crate::python::parses::Parses;
    use crate::stack::TreeFiles;

    /// A tree of two agents, with a doubt about its health port and its startup config.
    fn inference() -> Inference {
        let config =
            "agents:\n  - {name: A, script_path: a.py, port: 7000}\n  - {name: B, script_path: b.py, port: 7010}\n";
        let files = [
            ("config/agents.yaml", config),
            ("a.py", "import zmq\n"),
            ("b.py", "import zmq\n"),
            ("requirements.txt", "pyzmq\n"),
        ];
        let input = Input {
            name: "tree".to_owned(),
            tree: TreeFiles::new(files.iter().map(|(path, _)| *path)),
            contents: files
                .iter()
                .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
                .collect(),
        };
        infer(input, &Parses::default()).unwrap()
    }

    /// The stack after these lines, and what was said.
    fn after(lines: &str) -> (String, Vec<String>) {
        let said = RefCell::new(Vec::new());
        let wrong = |inference: &Inference| {
            let text = inference.text();
            text.contains("health_port_offset: 70000")
                .then(|| "70000 cannot be".to_owned())
        };
        let inference = go(
            inference(),
            &mut lines.as_bytes(),
            &|text| said.borrow_mut().push(text),
            &wrong,
        );
        (inference.unwrap().text(), said.into_inner())
    }

    #[test]
    fn doubts_are_gone_through_alone_with_their_evidence() {
        let before = inference();
        assert_eq!(before.questions().len(), 2, "{}", before.text());
        let (text, said) = after("\n2000\n");
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(
            said[0].contains("machines.main.startup_config: config/agents.yaml"),
            "{said:?}"
        );
        assert!(
            said[0].contains("config/agents.yaml:2: lists 2 agents") && said[0].contains("1 of 2"),
            "{said:?}"
        );
        assert!(text.contains("startup_config: config/agents.yaml\n"), "{text}");
        assert!(
            text.contains("health_port_offset: 2000\n") && !text.contains("# ?"),
            "{text}"
        );
    }

    #[test]
    fn a_wrong_answer_is_asked_for_again_and_what_is_not_answered_stays_doubtful() {
        let (text, said) = after("?\nmany\n70000\n3\n");
        assert_eq!(said.len(), 4, "{said:?}");
        assert!(
            said[2].contains("a whole number is wanted") && said[3].contains("70000 cannot be"),
            "{said:?}"
        );
        assert!(text.contains("startup_config: config/agents.yaml  # ?"), "{text}");
        assert!(text.contains("health_port_offset: 3\n"), "{text}");
        for lines in ["q\n", ""] {
            assert_eq!(after(lines).0, inference().text());
        }
    }
}
