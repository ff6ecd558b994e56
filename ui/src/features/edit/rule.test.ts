import { beforeEach, expect, test, vi } from "vitest";
import { fakePort } from "../../ipc/fake";
import { emptyStep, isWhole, RuleDraft } from "./rule.svelte";

function world() {
	const fake = fakePort({ seed: 3 });
	const [profile] = [...fake.world.profiles.values()];
	if (!profile) throw new Error("the fake world has no profile");
	const capture = fake.world.addCapture(profile, "orders.payments.dlq", 30).view.id;
	return { fake, capture };
}

beforeEach(() => localStorage.clear());

test("a step that is not filled in is not tried", async () => {
	const { fake, capture } = world();
	const previewEdit = vi.fn(fake.previewEdit);
	const draft = new RuleDraft({ ...fake, previewEdit }, capture, [1, 4]);
	draft.add("setHeader");
	expect(draft.whole).toBe(false);
	expect(draft.previews).toBeNull();
	draft.change(0, { kind: "setHeader", name: "tenant", value: { type: "text", value: "eu-2" } });
	await vi.waitFor(() => expect(draft.previews).toHaveLength(2));
	expect(previewEdit).toHaveBeenCalledTimes(1);
	expect(draft.previews?.[0]?.after?.headers.map(({ name, value }) => [name, value])).toEqual([
		["tenant", "eu-2"],
	]);
});

test("at most twenty messages are tried at once", async () => {
	const { fake, capture } = world();
	const previewEdit = vi.fn(fake.previewEdit);
	const numbers = Array.from({ length: 30 }, (_, n) => n + 1);
	const draft = new RuleDraft({ ...fake, previewEdit }, capture, numbers);
	draft.load({ steps: [{ kind: "removeHeader", name: "tenant" }] });
	await vi.waitFor(() => expect(draft.previews).not.toBeNull());
	expect(previewEdit.mock.calls[0]?.[1]).toHaveLength(20);
});

test("a draft is there again after the window was closed", () => {
	const { fake, capture } = world();
	new RuleDraft(fake, capture, [1]).load({ steps: [{ kind: "jq", program: ".amount = 1" }] });
	expect(new RuleDraft(fake, capture, [1]).steps).toEqual([{ kind: "jq", program: ".amount = 1" }]);
});

test("what each kind of step needs", () => {
	for (const kind of ["setHeader", "removeHeader", "renameHeader", "replaceText", "jq"] as const) {
		expect(isWhole(emptyStep(kind))).toBe(false);
	}
	expect(isWhole({ kind: "setHeader", name: "n", value: { type: "integer", value: "12x" } })).toBe(false);
	expect(isWhole({ kind: "setHeader", name: "n", value: { type: "integer", value: "-12" } })).toBe(true);
	expect(isWhole({ kind: "replaceText", pattern: "a", with: "" })).toBe(true);
});
