import { render } from "@testing-library/svelte";
import { afterEach, expect, test, vi } from "vitest";
import HexView from "./HexView.svelte";

afterEach(() => vi.restoreAllMocks());

const CHAR_PX = 7.2;

/** The lines of 32 bytes in a view that is so wide. */
async function lines(roomPx: number) {
	vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(roomPx);
	vi.spyOn(HTMLElement.prototype, "getBoundingClientRect").mockImplementation(function (this: HTMLElement) {
		const chars = this.classList.contains("probe") ? (this.textContent?.length ?? 0) : 0;
		return { width: chars * CHAR_PX, height: 18 } as DOMRect;
	});
	const bytes = Uint8Array.from({ length: 32 }, (_, n) => 0x41 + n);
	const read = async (from: number, len: number) => bytes.buffer.slice(from, from + len);
	const { container, unmount } = render(HexView, { bytesTotal: 32, read, label: "Bytes" });
	const drawn = () => [...container.querySelectorAll("pre:not(.probe)")].map((line) => line.textContent);
	await vi.waitFor(() => expect(drawn().at(-1)).toContain("\u0060"));
	const found = drawn();
	unmount();
	return found;
}

test("sixteen bytes stand in a row where they have room, eight where they have not", async () => {
	expect((await lines(720)).map((line) => line?.slice(0, 8))).toEqual(["00000000", "00000010"]);
	const narrow = await lines(487);
	expect(narrow.map((line) => line?.slice(0, 8))).toEqual(["00000000", "00000008", "00000010", "00000018"]);
	expect(narrow[0]).toContain("ABCDEFGH");
});
