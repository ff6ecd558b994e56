import { beforeEach, describe, expect, test } from "vitest";
import { Navigation } from "./navigation.svelte";

beforeEach(() => localStorage.clear());

test("the window starts at the welcome", () => expect(new Navigation().at).toEqual({ kind: "welcome" }));

test("a connection is shown at the place where it was last left, also by the next window", () => {
	const navigation = new Navigation();
	navigation.goTo("a");
	expect(navigation.place, "the first time").toBe("queues");
	navigation.goTo("a", "activity");
	navigation.goTo("b");
	navigation.goTo("a");
	expect(navigation.place).toBe("activity");
	const next = new Navigation();
	next.goTo("a");
	expect(next.place).toBe("activity");
	expect(next.remembered).toBe("a");
});

describe("going up", () => {
	test("leads from a thing to its place, and no further", () => {
		const navigation = new Navigation();
		navigation.go({ kind: "queue", profile: "a", queue: "orders" });
		expect(navigation.up()).toBe(true);
		expect(navigation.at).toEqual({ kind: "place", profile: "a", place: "queues" });
		expect(navigation.up()).toBe(false);
	});

	test("leads from the editor to where it was opened", () => {
		const navigation = new Navigation();
		navigation.goTo("a", "exchanges");
		navigation.go({ kind: "editor", profile: null, broker: null });
		expect(navigation.up()).toBe(true);
		expect(navigation.at).toEqual({ kind: "place", profile: "a", place: "exchanges" });
	});
});

test("going back follows the way that was come", () => {
	const navigation = new Navigation();
	navigation.goTo("a", "snapshots");
	navigation.go({ kind: "queue", profile: "a", queue: "one" });
	navigation.go({ kind: "queue", profile: "a", queue: "one" });
	navigation.back();
	expect(navigation.place, "going where one is already is no step").toBe("snapshots");
});

test("nothing of a removed connection is shown or remembered", () => {
	const navigation = new Navigation();
	navigation.goTo("a");
	navigation.goTo("b");
	navigation.forget("b");
	expect(navigation.at).toEqual({ kind: "welcome" });
	expect(navigation.remembered).toBeNull();
	navigation.back();
	expect(navigation.profile).toBe("a");
});
