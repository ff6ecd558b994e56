import { render, screen, within } from "@testing-library/svelte";
import axe from "axe-core";
import { flushSync } from "svelte";
import { beforeEach, expect, test, vi } from "vitest";
import { fakePort } from "../ipc/fake";
import App from "./App.svelte";

beforeEach(() => localStorage.clear());

async function app(options: Parameters<typeof fakePort>[0] = {}) {
	const port = fakePort(options);
	render(App, { port });
	await vi.waitFor(() => expect(screen.getByRole("navigation")).toBeTruthy());
	await vi.waitFor(() => expect(document.querySelector("main *")).toBeTruthy());
	const press = (...keys: string[]) => {
		for (const key of keys) {
			document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
		}
		flushSync();
	};
	const nav = () => within(screen.getByRole("navigation"));
	const choose = async (name: string) => {
		nav()
			.getByRole("button", { name: new RegExp(name) })
			.click();
		await vi.waitFor(() => expect(nav().getByRole("button", { name: /Queues/ })).toBeTruthy());
	};
	return { port, press, nav, choose };
}

const crumbs = () =>
	within(screen.getByRole("list", { name: "Where you are" }))
		.getAllByRole("listitem")
		.map((crumb) => crumb.textContent?.trim());

test("profiles are listed by environment; places only once a connection is chosen", async () => {
	const { nav, choose } = await app();
	expect(
		nav()
			.getAllByRole("heading")
			.map((heading) => heading.textContent),
	).toEqual(["Production", "Staging", "Development", "Sandbox"]);
	expect(nav().queryByRole("button", { name: /Queues/ })).toBeNull();
	await choose("orders-prod");
	const places = ["Queues", "Exchanges", "Snapshots", "Activity"];
	for (const place of places) expect(nav().getByRole("button", { name: new RegExp(place) })).toBeTruthy();
	expect(crumbs()).toEqual(["orders-prod", "Queues"]);
	expect(document.querySelector(".frame.production"), "the window's edge says production").toBeTruthy();
});

test("without profiles the sidebar says what it is for", async () => {
	const { nav } = await app({ empty: true });
	expect(nav().getByText(/No connections yet/)).toBeTruthy();
});

test("two keys lead to a place, Escape up from a thing", async () => {
	const { press, choose } = await app();
	await choose("orders-prod");
	press("g", "x");
	expect(crumbs()).toEqual(["orders-prod", "Exchanges"]);
	press("g", "a");
	expect(crumbs()).toEqual(["orders-prod", "Activity"]);
	press("Escape");
	expect(crumbs(), "a place has nothing above it").toEqual(["orders-prod", "Activity"]);
});

test("choosing a connection opens it, and a failure leads to the gate and not to an empty table", async () => {
	const { port, choose } = await app();
	port.refuse("openConnection", {
		code: "secretNeeded",
		message: "the password is needed",
		remedy: null,
		detail: "",
		retryable: false,
	});
	await choose("orders-staging");
	expect(port.world.connections.get([...port.world.profiles.keys()][1] ?? "")).toBeUndefined();
	expect(screen.queryByRole("grid")).toBeNull();
});

test("the header says how fresh the numbers are and whether anything may be changed", async () => {
	const { port, choose } = await app();
	await choose("orders-prod");
	expect(screen.getByRole("button", { name: /Live/ })).toBeTruthy();
	expect(screen.getByRole("button", { name: "Read-only" })).toBeTruthy();
	const id = [...port.world.profiles.keys()][0] ?? "";
	await port.setWrites(id, true);
	await vi.waitFor(() =>
		expect(screen.getByRole("button", { name: /Writes on · 15\smin left/ })).toBeTruthy(),
	);
	await port.setPaused(id, true);
	await vi.waitFor(() => expect(screen.getByRole("button", { name: /Paused/ })).toBeTruthy());
});

test("a profile that was removed is shown no more", async () => {
	const { port, choose } = await app();
	await choose("orders-prod");
	await port.removeProfile([...port.world.profiles.keys()][0] ?? "");
	await vi.waitFor(() => expect(crumbs()).toEqual(["Welcome"]));
});

test("a window that cannot reach its own program says so", async () => {
	const port = fakePort();
	port.refuse("appInfo", {
		code: "store",
		message: "the store is newer",
		remedy: null,
		detail: "",
		retryable: false,
	});
	render(App, { port });
	await vi.waitFor(() => expect(screen.getByText("the store is newer")).toBeTruthy());
	expect(screen.getByRole("button", { name: "Try now" })).toBeTruthy();
});

test("the frame breaks no rule of accessibility that can be checked without layout", async () => {
	const { choose } = await app();
	await choose("orders-prod");
	const rules = { "color-contrast": { enabled: false }, region: { enabled: false } };
	const { violations } = await axe.run(document.body, { rules });
	expect(violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(" ")}`)).toEqual([]);
});

test("closing while jobs run asks: stay, stop them, or close anyway", async () => {
	const { port } = await app();
	const [profile] = [...port.world.profiles.values()];
	if (!profile) throw new Error("the fake world has no profile");
	port.world.addJob(profile, { state: "running", counts: { done: 3, underWay: 5 } });
	port.world.tell({ kind: "closeAsked" });
	const dialog = await screen.findByRole("dialog", { name: "1 job still runs here" });
	expect(dialog.textContent).toContain("qscope jobs resume 1");
	expect(dialog.textContent).toContain("3 of 8");
	within(dialog).getByRole("button", { name: "Keep running" }).click();
	await vi.waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
	expect(port.world.closed).toBe(false);
	port.world.tell({ kind: "closeAsked" });
	const again = await screen.findByRole("dialog", { name: "1 job still runs here" });
	within(again).getByRole("button", { name: "Stop it, then close" }).click();
	await vi.waitFor(() => expect(port.world.closed).toBe(true));
	expect([...port.world.jobs.values()][0]?.state).toBe("stopped");
});
