import type { EditPreview, EditRule, EditSide, EditStep, FieldView, Port } from "../port";
import { bodyView, type FakeMessage, messageView } from "./messages";
import { field } from "./queues";
import { fail, now, type World } from "./world";

/** Headers and plain text are edited as Rust does it; jq is not here. */
export function editCalls(world: World) {
	const rules = new Map<string, EditRule>();
	return {
		previewEdit: async (capture, numbers, edit) => {
			const messages = world.captures.get(capture)?.messages ?? fail("notFound", "the capture is gone");
			return messages.filter(({ row }) => numbers.includes(row.n)).map((one) => preview(one, edit.steps));
		},
		listEditRules: async () => [...rules.values()].sort((a, b) => a.name.localeCompare(b.name)),
		saveEditRule: async (name, edit) => {
			if (name.trim() === "") fail("invalid", "a rule's name is one line of at most 120 characters");
			const rule = { name: name.trim(), edit, savedAt: now() };
			rules.set(rule.name, rule);
			return rule;
		},
		removeEditRule: async (name) => {
			if (!rules.delete(name)) fail("notFound", `there is no rule \`${name}\``);
			return null;
		},
	} satisfies Partial<Port>;
}

function preview(message: FakeMessage, steps: EditStep[]): EditPreview {
	const n = message.row.n;
	const before = messageView(message).headers;
	const body = bodyView(message);
	const at = steps.findIndex(({ kind }) => kind === "jq");
	if (at >= 0) {
		const why = `step ${at + 1} (jq): there is no jq in the fake`;
		const side = { body, headers: [], headersSame: before.length };
		return { n, before: side, after: null, changed: false, whyNot: why };
	}
	const after = steps.reduce(edited, before);
	const text = steps.reduce(
		(sofar, step) =>
			step.kind === "replaceText" ? sofar.replaceAll(new RegExp(step.pattern, "g"), step.with) : sofar,
		body.text,
	);
	const side = (these: FieldView[], others: FieldView[], shown: EditSide["body"]): EditSide => {
		const only = these.filter((one) => !others.some((other) => isSame(one, other)));
		return { body: shown, headers: only, headersSame: these.length - only.length };
	};
	const sides = [side(before, after, body), side(after, before, { ...body, text })] as const;
	const changed = text !== body.text || sides[0].headers.length + sides[1].headers.length > 0;
	return { n, before: sides[0], after: sides[1], changed, whyNot: null };
}

const isSame = (one: FieldView, other: FieldView) => one.name === other.name && one.value === other.value;

function edited(fields: FieldView[], step: EditStep): FieldView[] {
	switch (step.kind) {
		case "setHeader":
			return [
				...fields.filter(({ name }) => name !== step.name),
				field(step.name, step.value.type, String(step.value.value)),
			];
		case "removeHeader":
			return fields.filter(({ name }) => name !== step.name);
		case "renameHeader":
			return fields.map((one) => (one.name === step.name ? { ...one, name: step.to } : one));
		default:
			return fields;
	}
}
