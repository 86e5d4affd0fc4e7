//! What is in a diagram, and that nothing of it stands in another's place.

use super::layout::{Area, Layout};
use super::*;
use crate::stack::fixture::Fixture;

fn whole(stack: &Stack) -> Diagram {
    Diagram::new(stack, &Verdicts::new(), &BTreeSet::new())
}

#[test]
fn all_agents_are_in_it_with_what_they_need_and_what_lies_between() {
    let stack = Fixture::real().model();
    let diagram = whole(&stack);
    assert_eq!((diagram.agents.len(), diagram.groups.len()), (89, 16));
    assert_eq!(diagram.machines(), ["mainpc", "pc2"]);
    let edges: usize = stack
        .agents()
        .map(|(_, agent)| graph::dependencies(agent).count())
        .sum();
    assert_eq!(diagram.edges.len(), edges);
    for edge in &diagram.edges {
        let (from, to) = (&diagram.agents[edge.from], &diagram.agents[edge.to]);
        let expected = if diagram.machine_of(edge.from) != diagram.machine_of(edge.to) {
            Crossing::Machine
        } else if from.group != to.group {
            Crossing::Container
        } else {
            Crossing::None
        };
        assert_eq!(edge.crossing, expected, "{} → {}", from.name, to.name);
        assert!(edge.in_ring || to.stage < from.stage, "{} → {}", from.name, to.name);
    }
    let crossings = |crossing| diagram.edges.iter().filter(|edge| edge.crossing == crossing).count();
    assert!(crossings(Crossing::None) > 0 && crossings(Crossing::Container) > 0);
    let [ring] = diagram.rings.as_slice() else {
        panic!("{:?}", diagram.rings);
    };
    let names: Vec<&str> = ring.iter().map(|index| diagram.agents[*index].name.as_str()).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(
        names.contains(&"SelfHealingAgent") && names.contains(&"HealthMonitor"),
        "{names:?}"
    );
    assert_eq!(diagram.edges.iter().filter(|edge| edge.in_ring).count(), 4);
}

#[test]
fn around_an_agent_is_all_that_it_needs_and_all_that_need_it() {
    let stack = Fixture::real().model();
    for (id, agent) in stack.agents() {
        let diagram = Diagram::new(&stack, &Verdicts::new(), &[id].into());
        let names: BTreeSet<&str> = diagram.agents.iter().map(|agent| agent.name.as_str()).collect();
        assert!(names.contains(agent.name.as_str()));
        for other in graph::dependencies(agent) {
            assert!(names.contains(stack.agent(other).name.as_str()), "{}", agent.name);
        }
    }
    let few = stack
        .agents()
        .map(|(id, _)| Diagram::new(&stack, &Verdicts::new(), &[id].into()).agents.len())
        .min();
    assert!(few.is_some_and(|few| few < 20), "{few:?}");
}

/// Nothing overlaps, everything is inside of what it belongs to, and every box has room for its text.
fn stands_apart(diagram: &Diagram) -> Layout {
    let layout = Layout::new(diagram);
    let inside = |inner: Area, outer: Area| {
        inner.x >= outer.x
            && inner.y >= outer.y
            && inner.x + inner.width <= outer.x + outer.width
            && inner.y + inner.height <= outer.y + outer.height
    };
    for (index, place) in layout.agents.iter().enumerate() {
        let name = &diagram.agents[index].name;
        for (other, second) in layout.agents.iter().enumerate().skip(index + 1) {
            assert!(
                !place.area.overlaps(second.area),
                "{name} and {}",
                diagram.agents[other].name
            );
        }
        assert!(
            inside(place.area, layout.groups[diagram.agents[index].group].area),
            "{name}"
        );
        assert!(place.lines.iter().all(|line| line.width < place.area.width), "{name}");
    }
    for (index, band) in layout.groups.iter().enumerate() {
        let machine = layout
            .machines
            .iter()
            .find(|machine| machine.heading == diagram.groups[index].machine);
        assert!(inside(band.area, machine.unwrap().area), "{}", band.heading);
        assert!(
            layout.groups[index + 1..]
                .iter()
                .all(|other| !band.area.overlaps(other.area))
        );
    }
    for curve in &layout.edges {
        for (x, y) in curve {
            assert!(
                (0..=layout.width).contains(x) && (0..=layout.height).contains(y),
                "{curve:?}"
            );
        }
    }
    layout
}

#[test]
fn nothing_stands_in_anothers_place() {
    let stack = Fixture::real().model();
    let layout = stands_apart(&whole(&stack));
    assert!(layout.width <= 1280, "{} px are wider than a window", layout.width);
    for (id, _) in stack.agents() {
        stands_apart(&Diagram::new(&stack, &Verdicts::new(), &[id].into()));
    }
    stands_apart(&whole(&Fixture::small().model()));
}

#[test]
fn names_of_all_kinds_have_room() {
    let stack = Fixture::real().model();
    let mut diagram = whole(&stack);
    let names = [
        "x",
        "",
        "averyveryverylongnamewithoutanyplaceatwhichitcouldbebrokenintwoparts",
        "snake_case_name_of_an_agent_that_goes_on",
        "HTTPServerOfTheWholeSystem",
        "日本語のエージェントの長い名前です",
        "WWWWMMMMWWWWMMMMWWWWMMMM",
        "<script>alert(1)</script>",
    ];
    for (agent, name) in diagram.agents.iter_mut().zip(names) {
        name.clone_into(&mut agent.name);
    }
    let layout = stands_apart(&diagram);
    let text = |index: usize| -> Vec<&str> {
        layout.agents[index]
            .lines
            .iter()
            .map(|line| line.text.as_str())
            .collect()
    };
    assert_eq!(text(0), ["x"]);
    assert!(text(2)[0].ends_with('…') && text(2).len() == 1);
    assert_eq!(text(3), ["snake_case_name_of_", "an_agent_that_goes_on"]);
    assert_eq!(text(4), ["HTTPServerOf", "TheWholeSystem"]);
}
