"use strict";
(() => {
    const picture = document.querySelector(".picture svg");
    const edges = [...picture.querySelectorAll("path[data-from]")];
    const agents = new Map([...picture.querySelectorAll(".agent")].map((agent) => [agent.dataset.id, agent]));
    // All that an agent reaches by edges in one direction.
    const reach = (id, here, there) => {
        const seen = new Set([id]);
        const open = [id];
        while (open.length > 0) {
            const at = open.pop();
            for (const edge of edges) {
                if (edge.dataset[here] !== at) continue;
                edge.classList.add("near");
                if (!seen.has(edge.dataset[there])) {
                    seen.add(edge.dataset[there]);
                    open.push(edge.dataset[there]);
                }
            }
        }
        return seen;
    };
    const leave = () => {
        picture.classList.remove("dim");
        picture.querySelectorAll(".near").forEach((one) => one.classList.remove("near"));
    };
    const enter = (id) => {
        leave();
        for (const near of [...reach(id, "from", "to"), ...reach(id, "to", "from")]) agents.get(near).classList.add("near");
        picture.classList.add("dim");
    };
    for (const [id, agent] of agents) {
        agent.addEventListener("pointerenter", () => enter(id));
        agent.addEventListener("pointerleave", leave);
        agent.addEventListener("focus", () => enter(id));
        agent.addEventListener("blur", leave);
    }
})();
