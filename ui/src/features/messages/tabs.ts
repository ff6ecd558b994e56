import type { BodyFormat } from "../../ipc/port";

export const INSPECTOR_TABS = ["payload", "headers", "deaths", "raw"] as const;
export type InspectorTab = (typeof INSPECTOR_TABS)[number];

const ENDINGS: Record<BodyFormat, string> = {
	json: "json",
	xml: "xml",
	text: "txt",
	binary: "bin",
	empty: "bin",
};

/** A name for a saved body; nothing of it comes from the message. */
export function bodyFileName(n: number, format: BodyFormat | undefined): string {
	return `message-${n}.${ENDINGS[format ?? "binary"]}`;
}
