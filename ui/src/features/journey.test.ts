import { render, screen, within } from "@testing-library/svelte";
import axe from "axe-core";
import { beforeEach, expect, test, vi } from "vitest";
import { fakePort } from "../ipc/fake";
import App from "../shell/App.svelte";

vi.setConfig({ testTimeout: 40_000 });
beforeEach(() => localStorage.clear());

const WAIT = { timeout: 15_000 };
const button = (name: RegExp | string) => screen.findByRole("button", { name }, WAIT);
const dialog = async () => within(await screen.findByRole("dialog", {}, WAIT));

async function openQueue(name: string, profile = /orders-prod/) {
	const port = fakePort({ seed: 3 });
	render(App, { port });
	(await button(profile)).click();
	const cell = await screen.findByTitle(name, {}, WAIT);
	cell.dispatchEvent(new MouseEvent("dblclick", { bubbles: true }));
	await screen.findByRole("heading", { level: 1, name }, WAIT);
	return port;
}

async function peekAndInspect(name: string) {
	const port = await openQueue(name);
	const peek = await button("Peek");
	await vi.waitFor(() => expect((peek as HTMLButtonElement).disabled).toBe(false), WAIT);
	peek.click();
	const [first] = await screen.findAllByText("1", { selector: '[role="gridcell"] *' }, WAIT);
	first?.click();
	await screen.findByRole("tab", { name: /Death history/ }, WAIT);
	return port;
}

test("the cost of a peek is on screen before anything is read", async () => {
	const port = await openQueue("orders.payments.dlq");
	expect(await screen.findByText("Peeking is not free here.", {}, WAIT)).toBeTruthy();
	expect(port.world.activity.filter((row) => row.act === "peek")).toHaveLength(1);
});

test("a dead letter is peeked, read and redriven, with writes turned on inside the plan", async () => {
	const port = await peekAndInspect("orders.payments.dlq");
	(await button("Redrive…")).click();
	const plan = await dialog();
	const start = await plan.findByRole("button", { name: "Redrive 1 message" }, WAIT);
	expect((start as HTMLButtonElement).disabled).toBe(true);
	(await plan.findByRole("button", { name: /Turn on writes/ }, WAIT)).click();
	await vi.waitFor(() => {
		const free = plan.getByRole("button", { name: "Redrive 1 message" }) as HTMLButtonElement;
		expect(free.disabled).toBe(false);
	}, WAIT);
	expect(port.world.jobs.size).toBe(0);
	plan.getByRole("button", { name: "Redrive 1 message" }).click();
	expect(
		await plan.findByText("1 done, confirmed and removed.", { selector: ".outcome" }, WAIT),
	).toBeTruthy();
	expect(port.world.jobs.size).toBe(1);
});

test("another tab of the queue does not forget what was read", async () => {
	await peekAndInspect("orders.payments.dlq");
	(await screen.findByRole("tab", { name: "Settings" }, WAIT)).click();
	await screen.findByRole("heading", { name: "Arguments" }, WAIT);
	(await screen.findByRole("tab", { name: "Messages" }, WAIT)).click();
	expect(await screen.findByRole("grid", { name: "Messages" }, WAIT)).toBeTruthy();
	expect(screen.getByText(/16 of \d+ peeked at/)).toBeTruthy();
});

test("a refused look says why and offers its ways in order; peeking stays off", async () => {
	await openQueue("orders.invoice-render.dlq");
	await screen.findByText("Looking here could destroy messages", {}, WAIT);
	const ways = screen.getAllByRole("heading", { level: 3 }).map((heading) => heading.textContent);
	expect(ways.slice(0, 3)).toEqual(["Make looking safe", "Take them into a capture", "Take a careful look"]);
	expect(((await button("Peek")) as HTMLButtonElement).disabled).toBe(true);
});

test("a message never becomes part of the page, whatever its headers say", async () => {
	const port = fakePort({ seed: 3 });
	const [profile] = [...port.world.profiles.values()];
	if (!profile) throw new Error("the fake world has no profile");
	const { messages } = port.world.addCapture(profile, "orders.payments.dlq", 1, { name: "hostile" });
	const message = messages[0];
	if (!message) throw new Error("the capture is empty");
	message.error = '<img src=x onerror="window.harmed = true">';
	message.row = {
		...message.row,
		messageId: "<b>id</b>",
		routingKey: "<script>window.harmed = true</script>",
	};
	render(App, { port });
	(await button(/orders-prod/)).click();
	(await button(/^Snapshots/)).click();
	(await button(/hostile/)).click();
	(await screen.findByTitle(message.row.routingKey, {}, WAIT)).click();
	(await screen.findByRole("tab", { name: /Headers/ }, WAIT)).click();
	expect(await screen.findByText(message.error, {}, WAIT)).toBeTruthy();
	expect(document.querySelector("main img, main script")).toBeNull();
});

test("the sandbox opens from the welcome page, though no profile was ever saved", async () => {
	const port = fakePort({ empty: true });
	render(App, { port });
	(await button(/Open sandbox/)).click();
	expect(await screen.findByRole("grid", { name: "Queues" }, WAIT)).toBeTruthy();
	expect((await port.listProfiles()).map((profile) => profile.kind)).toEqual(["sandbox"]);
});

test("a profile that was just saved can be gone to though its event comes late", async () => {
	const fake = fakePort({ empty: true });
	const late: (() => void)[] = [];
	const port: typeof fake = {
		...fake,
		watchApp: (listener) =>
			fake.watchApp((event) =>
				event.kind === "profilesChanged" ? late.push(() => listener(event)) : listener(event),
			),
	};
	render(App, { port });
	(await button(/Open sandbox/)).click();
	expect(await screen.findByRole("grid", { name: "Queues" }, WAIT)).toBeTruthy();
	expect(late.length).toBeGreaterThan(0);
	for (const tell of late) tell();
	await new Promise((done) => setTimeout(done, 20));
	expect(screen.getByRole("grid", { name: "Queues" })).toBeTruthy();
});

test("one who comes back from a queue finds the list as it was left, with the keyboard in it", async () => {
	const port = fakePort({ seed: 3 });
	render(App, { port });
	(await button(/orders-prod/)).click();
	(await button(/^Dead-letter queues/)).click();
	const filter = await screen.findByRole("textbox", { name: /Filter the queues/ }, WAIT);
	(filter as HTMLInputElement).value = "refunds";
	filter.dispatchEvent(new Event("input", { bubbles: true }));
	await screen.findByText(/1 shown by filter/, {}, WAIT);
	screen.getByRole("button", { name: "Name" }).click();
	const cell = await screen.findByTitle("orders.refunds.dlq", {}, WAIT);
	cell.click();
	cell.dispatchEvent(new MouseEvent("dblclick", { bubbles: true }));
	await screen.findByRole("heading", { level: 1, name: "orders.refunds.dlq" }, WAIT);
	document.body.dispatchEvent(
		new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true }),
	);
	const grid = await screen.findByRole("grid", { name: "Queues" }, WAIT);
	expect(screen.getByRole("textbox", { name: /Filter the queues/ })).toHaveProperty("value", "refunds");
	expect(screen.getByRole("button", { name: /^Dead-letter queues/ }).getAttribute("aria-pressed")).toBe(
		"true",
	);
	expect(screen.getByRole("columnheader", { name: "Name" }).getAttribute("aria-sort")).toBe("ascending");
	expect(grid.querySelector(".cursor")?.textContent).toContain("orders.refunds.dlq");
	await vi.waitFor(() => expect(document.activeElement).toBe(grid));
	grid.dispatchEvent(new KeyboardEvent("keydown", { key: "g", bubbles: true, cancelable: true }));
	grid.dispatchEvent(new KeyboardEvent("keydown", { key: "x", bubbles: true, cancelable: true }));
	await screen.findByRole("heading", { level: 1, name: "Exchanges" }, WAIT);
});

test("a line of activity that comes to need an answer opens by itself, once, and not over another", async () => {
	const port = fakePort({ seed: 3 });
	const [profile] = [...port.world.profiles.values()];
	render(App, { port });
	(await button(/orders-prod/)).click();
	(await button(/^Activity/)).click();
	await screen.findByText(/of 1 shown/, {}, WAIT);
	const doubt = (place: string) =>
		port.world.note({
			act: "redrive",
			place,
			words: "1 in doubt",
			outcome: "inDoubt",
			profile: profile?.id ?? "",
		});
	doubt("orders.payments.dlq");
	const details = () => screen.queryByRole("complementary", { name: "Details" });
	await vi.waitFor(() => expect(details()?.textContent).toContain("orders.payments.dlq"), WAIT);
	doubt("orders.refunds.dlq");
	await screen.findByText(/3 of 3 shown/, {}, WAIT);
	expect(details()?.textContent).not.toContain("orders.refunds.dlq");
	const close = async () => {
		within(details() as HTMLElement)
			.getByRole("button", { name: "Close" })
			.click();
		await vi.waitFor(() => expect(details()).toBeNull(), WAIT);
		port.world.tell({ kind: "jobChanged", job: "another" });
	};
	await close();
	await vi.waitFor(() => expect(details()?.textContent).toContain("orders.refunds.dlq"), WAIT);
	await close();
	await new Promise((done) => setTimeout(done, 50));
	expect(details(), "each was shown once").toBeNull();
});

test("a message in doubt is answered in Jobs, and the status bar leads to what runs", async () => {
	const port = fakePort({ seed: 3 });
	const [profile] = [...port.world.profiles.values()];
	if (!profile) throw new Error("the fake world has no profile");
	const row = {
		n: 1,
		messageId: "order-1",
		key: "id:order-1",
		state: "inDoubt" as const,
		why: "",
		at: null,
		atSource: { kind: "yes" as const },
		atTarget: { kind: "yes" as const },
		recommended: "remove" as const,
		answers: ["remove" as const, "leave" as const],
		bounced: false,
		chosen: true,
	};
	port.world.addJob(profile, { state: "needsAnswer", counts: { inDoubt: 1 }, rows: [row] });
	render(App, { port });
	(await button(/orders-prod/)).click();
	(await button(/^Jobs/)).click();
	const apply = (await button("Apply 1 answer")) as HTMLButtonElement;
	expect(apply.disabled).toBe(true);
	(await button(/Turn on writes/)).click();
	await vi.waitFor(() => expect(apply.disabled).toBe(false), WAIT);
	apply.click();
	await vi.waitFor(() => expect(screen.queryByText("Remove the original")).toBeNull(), WAIT);
	port.world.addJob(profile, {
		state: "running",
		queue: "orders.refunds.dlq",
		counts: { done: 3, underWay: 2 },
	});
	(await button(/^Job 2/)).click();
	await screen.findByRole("heading", { level: 2, name: "Redrive orders.refunds.dlq" }, WAIT);
	(await button("Pause")).click();
	await button(/Continue with the other 2 messages/);
});

test.each(["Queues", "Exchanges", "Jobs", "Snapshots", "Activity"])(
	"the view %s breaks no rule of accessibility that can be checked without layout",
	async (place) => {
		const port = fakePort({ seed: 3 });
		const [profile] = [...port.world.profiles.values()];
		if (profile) port.world.addJob(profile, { state: "running", counts: { done: 3, underWay: 2 } });
		render(App, { port });
		(await button(/orders-prod/)).click();
		(await button(new RegExp(`^${place}`))).click();
		await screen.findByRole("heading", { level: 1, name: place }, WAIT);
		await new Promise((done) => setTimeout(done, 50));
		const { violations } = await axe.run(document.querySelector("main") ?? document.body, {
			rules: { "color-contrast": { enabled: false }, region: { enabled: false } },
		});
		expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
	},
);
