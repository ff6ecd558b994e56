import { expect, test, vi } from "vitest";
import { fakePort } from "../ipc/fake";
import type { JobNotice } from "../ipc/port";
import { Toasts } from "../kit/toasts.svelte";
import { Endings } from "./endings.svelte";
import { Events } from "./events";

const NOTICE: JobNotice = {
	job: "j1",
	profile: "p1",
	title: "7 messages discarded",
	text: "refunds.dlq, job 12: 7 discarded",
	well: true,
	askedFor: false,
	undoable: true,
	noUndo: null,
};

async function world() {
	const fake = fakePort();
	const [events, toasts] = [new Events(), new Toasts()];
	await events.start(fake);
	const endings = new Endings(toasts, events);
	const end = (change: Partial<JobNotice> = {}) =>
		fake.world.tell({ kind: "jobEnded", notice: { ...NOTICE, ...change } });
	return { endings, toasts, end };
}

test("what can be undone is offered for undoing, in its notice and afterwards", async () => {
	vi.useFakeTimers();
	const { endings, toasts, end } = await world();
	end();
	expect(toasts.list[0]).toMatchObject({ title: "7 messages discarded", action: { label: "Undo…" } });
	vi.advanceTimersByTime(11_000);
	expect(toasts.list, "there is time to").toHaveLength(1);
	toasts.list[0]?.action?.run();
	expect(endings.undoing?.job).toBe("j1");
	endings.close();
	vi.advanceTimersByTime(2000);
	expect(toasts.list).toHaveLength(0);
	endings.undoLast();
	expect(endings.undoing?.job).toBe("j1");
	vi.useRealTimers();
});

test("what cannot be undone says so", async () => {
	const { endings, toasts, end } = await world();
	end({ undoable: false, noUndo: "What was sent cannot be called back" });
	expect(toasts.list[0]).toMatchObject({ action: undefined });
	expect(toasts.list[0]?.text).toContain("cannot be called back");
	expect(endings.last).toBeNull();
});

test("nothing is said of a job while somebody follows it; what the user stopped is no news", async () => {
	const { endings, toasts, end } = await world();
	const leave = endings.follow(["j1", "j2"]);
	end();
	expect(toasts.list).toHaveLength(0);
	leave();
	expect(toasts.list.map(({ title }) => title)).toEqual(["7 messages discarded"]);
	end({ job: "j3", askedFor: true, undoable: false, title: "Job 3 was stopped" });
	expect(toasts.list).toHaveLength(1);
});
