import type {
	Draft,
	DraftBody,
	DraftCheck,
	DraftContent,
	DraftField,
	DraftFrom,
	DraftOriginal,
	DraftTrouble,
	FieldView,
	OpenDraft,
	Port,
} from "../port";
import { bodyView, type FakeMessage, messageView } from "./messages";
import { fail, now, type World } from "./world";

/** Drafts as Rust keeps them; of what can be wrong with one, only JSON and names that are missing. */
export function draftCalls(world: World) {
	const drafts = new Map<string, Draft>();
	const templates = new Map<string, DraftContent>();
	const changed = () => world.tell({ kind: "draftsChanged" });
	const messageOf = ({ source }: Draft): FakeMessage | undefined =>
		source ? world.captures.get(source.capture)?.messages.find(({ row }) => row.n === source.n) : undefined;
	const opened = (draft: Draft): OpenDraft => {
		const message = messageOf(draft);
		const original = message ? originalOf(message) : null;
		return { draft, original, check: check(draft.content, original) };
	};
	return {
		beginDraft: async (profile, from) => {
			const known =
				from.kind === "message" && from.purpose === "edit"
					? [...drafts.values()].find(({ source }) => source?.capture === from.capture && source.n === from.n)
					: undefined;
			return opened(known ?? begun(world, profile, from, templates));
		},
		openDraft: async (id) => opened(drafts.get(id) ?? fail("notFound", `there is no draft \`${id}\``)),
		keepDraft: async (draft) => {
			const known = drafts.get(draft.id);
			if (known && known.revision !== draft.revision) {
				fail("draftChanged", "this draft was changed in another window meanwhile; nothing was overwritten");
			}
			if (!known && draft.revision > 0) fail("notFound", `there is no draft \`${draft.id}\``);
			const kept = { ...draft, revision: draft.revision + 1, changedAt: now() };
			drafts.set(kept.id, kept);
			changed();
			return { revision: kept.revision, changedAt: kept.changedAt, check: opened(kept).check };
		},
		listDrafts: async (profile) =>
			[...drafts.values()]
				.filter((draft) => draft.profile === profile)
				.map(({ id, purpose, source, revision, changedAt, content }) => ({
					id,
					purpose,
					source,
					to: content.to,
					revision,
					changedAt: changedAt ?? now(),
				})),
		giveUpDraft: async (id) => {
			if (drafts.delete(id)) changed();
			return null;
		},
		offerDraft: async ({ content, profile }) => {
			const target = content.to.kind === "place" ? content.to.target : null;
			const queue = target?.kind === "queue" ? target.queue : "orders.payment-capture";
			const reached = [{ queue, ready: 5, consumers: 2 }];
			const writesLocked = world.connection(profile).writes.kind === "locked";
			return { reached, unsure: [], hazards: [], writesLocked };
		},
		publishDraft: async (profile, { draft: id, revision }) => {
			const draft = drafts.get(id) ?? fail("notFound", `there is no draft \`${id}\``);
			if (draft.revision !== revision) fail("draftChanged", "this draft was changed in another window");
			if (world.connection(profile).writes.kind === "locked") fail("readOnly", "turn on writes first");
			drafts.delete(id);
			changed();
			return { state: "confirmed", arrivals: { queues: ["orders.payment-capture"], unsure: [] }, why: null };
		},
		listTemplates: async () => [...templates.keys()].sort(),
		saveTemplate: async (name, { content }) => {
			if (name.trim() === "") fail("invalid", "a template's name is one line of at most 120 characters");
			templates.set(name.trim(), content);
			changed();
			return { name: name.trim(), savedAt: now(), content };
		},
		removeTemplate: async (name) => {
			templates.delete(name);
			changed();
			return null;
		},
	} satisfies Partial<Port>;
}

function begun(world: World, profile: string, from: DraftFrom, templates: Map<string, DraftContent>): Draft {
	const draft = { id: world.random.id(), profile, revision: 0, changedAt: null };
	if (from.kind === "message") {
		const { view, messages } = world.capture(from.capture);
		const message =
			messages.find(({ row }) => row.n === from.n) ?? fail("notFound", "there is no such message");
		const { body, properties, headers } = originalOf(message);
		const source = { capture: from.capture, n: from.n, queue: view.queue, key: message.row.key };
		const content: DraftContent = { to: { kind: "failedIn" }, body, properties, headers, asText: false };
		return { ...draft, purpose: from.purpose, source, content };
	}
	const blank = (to: DraftContent["to"]): DraftContent => ({
		to,
		body: { kind: "text", text: "", compact: false },
		asText: false,
		properties: [],
		headers: [],
	});
	const template = from.kind === "template" ? templates.get(from.name) : undefined;
	if (from.kind === "template" && !template) fail("notFound", `there is no template \`${from.name}\``);
	const content = template ?? blank(from.kind === "blank" ? from.to : { kind: "failedIn" });
	return { ...draft, purpose: "publish", source: null, content };
}

const fieldOf = (view: FieldView): DraftField => ({
	name: view.name,
	nameEncoding: null,
	type: view.typeName,
	encoding: null,
	value: view.value,
});

function originalOf(message: FakeMessage): DraftOriginal {
	const { headers, properties, failedIn } = messageView(message);
	const body = bodyView(message);
	const isText = body.format !== "binary" && body.bytesShown === body.bytesTotal;
	const written: DraftBody = isText
		? { kind: "text", text: body.text, compact: body.indented }
		: { kind: "original" };
	const top = headers.filter(({ depth }) => depth === 0);
	const locked = top.filter(({ name }) => name === "x-death");
	return {
		messageId: message.row.messageId,
		format: body.format,
		bodyBytes: body.bytesTotal,
		body: written,
		notText: isText ? null : "it is not text: its bytes are sent as they are",
		properties: properties.map(fieldOf),
		headers: top.filter((field) => !locked.includes(field)).map(fieldOf),
		locked: locked.map((field) => ({
			name: field.name,
			type: field.typeName,
			value: field.value,
			why: "the broker writes the death history itself",
		})),
		failedIn: failedIn.kind === "queue" ? failedIn.queue : null,
		origin: null,
	};
}

function check(content: DraftContent, original: DraftOriginal | null): DraftCheck {
	const troubles: DraftTrouble[] = [];
	content.headers.forEach(({ name }, row) => {
		if (name === "")
			troubles.push({ at: { kind: "header", row }, words: "a header needs a name", asText: false });
	});
	const text = content.body.kind === "text" ? content.body.text : "";
	const json = isJson(text);
	if (original?.format === "json" && content.body.kind === "text" && !json && !content.asText) {
		const at = { kind: "payload" as const, line: text.split("\n").length, column: 1 };
		troubles.push({ at, words: "this is no JSON; the payload came as JSON", asText: true });
	}
	return { troubles, bodyBytes: text.length, fieldsBytes: 100, isJson: json };
}

function isJson(text: string): boolean {
	try {
		JSON.parse(text);
		return true;
	} catch {
		return false;
	}
}
