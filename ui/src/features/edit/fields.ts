import type { DraftField } from "../../ipc/port";

/** Every type that a header can have, the usual ones first. */
export const TYPES = [
	"text",
	"int32",
	"int64",
	"bool",
	"float64",
	"timestamp",
	"bytes",
	"table",
	"array",
	"decimal",
	"float32",
	"int8",
	"int16",
	"uint8",
	"uint16",
	"uint32",
	"void",
];

/** The types of properties that have one of their own; all others are text. */
export const PROPERTIES: Record<string, string> = {
	"content-type": "text",
	"content-encoding": "text",
	"delivery-mode": "uint8",
	priority: "uint8",
	"correlation-id": "text",
	"reply-to": "text",
	expiration: "text",
	"message-id": "text",
	timestamp: "timestamp",
	type: "text",
	"app-id": "text",
};

const SENSITIVE = /authori[sz]ation|cookie|token|passw(or)?d|secret|api[-_]?key|credential|session/i;

/** Its value is shown only when somebody asks for it. */
export const isSensitive = (name: string): boolean => SENSITIVE.test(name);

/** What became of a row since the message came. */
export type RowChange = "same" | "changed" | "added";

const key = (field: DraftField) => `${field.nameEncoding ?? ""} ${field.name}`;
const isSame = (one: DraftField, other: DraftField) =>
	one.type === other.type && one.value === other.value && (one.encoding ?? null) === (other.encoding ?? null);

export function changeOf(field: DraftField, before: DraftField[]): RowChange {
	const was = before.find((one) => key(one) === key(field));
	if (!was) return "added";
	return isSame(field, was) ? "same" : "changed";
}

/** Rows of the message that are not there any more. */
export const removed = (now: DraftField[], before: DraftField[]): DraftField[] =>
	before.filter((was) => !now.some((one) => key(one) === key(was)));

/** How many rows were changed, added or removed. */
export function changes(now: DraftField[], before: DraftField[]): number {
	const changed = now.filter((field) => changeOf(field, before) !== "same").length;
	return changed + removed(now, before).length;
}

/** A row of another type, with what was typed as far as it makes sense there. */
export function retyped(field: DraftField, type: string): DraftField {
	const kept = field.encoding === "base64" && field.type === "text" ? "" : field.value;
	const value = type === "void" ? "" : type === "bool" && kept !== "true" ? "false" : kept;
	return { ...field, type, value, encoding: type === "bytes" ? "base64" : null };
}

export const newField = (name = "", type = "text"): DraftField => ({
	name,
	nameEncoding: null,
	type,
	encoding: type === "bytes" ? "base64" : null,
	value: "",
});

/** An input gives lines back with line feeds alone. `null`: no input holds the value as it is. */
export function lineEnds(value: string): "\n" | "\r\n" | null {
	if (!value.includes("\r")) return "\n";
	return value.replaceAll("\r\n", "").match(/[\r\n]/) ? null : "\r\n";
}

/** What was typed into an input for that value, with the line ends that it had. */
export const typedInto = (before: string, typed: string): string =>
	lineEnds(before) === "\r\n" ? typed.replaceAll("\n", "\r\n") : typed;
