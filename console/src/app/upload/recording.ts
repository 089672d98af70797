/** Whether a file can be a recording: by its first bytes and its length, before it is sent. */
import { size } from "../words";

const V1_HEADER_BYTES = 20;
const V2_HEADER_BYTES = 63; // the sync mark's 15 and the header's 48
const V2_FILE_SIGNATURE = 0x48414148;
const V2_SYNC_SIGNATURE = 0xa55e;
// The belts' clocks begin in 2000; what lies outside is another file.
const EARLIEST_SECONDS = 946_684_800;
const LATEST_SECONDS = 4_102_444_800;

export type Format = "v1" | "v2";
export type Checked = { format: Format } | { refused: string };

/** Tell a recording's format as the analysis does, or why the file is none. */
export async function checkRecording(file: Blob, mostBytes: number): Promise<Checked> {
  if (file.size === 0) return { refused: "The file is empty. Transfer the recording again." };
  if (file.size > mostBytes) {
    return { refused: `The file has ${size(file.size)}; this service takes ${size(mostBytes)}.` };
  }
  const head = new DataView(await file.slice(0, V2_HEADER_BYTES).arrayBuffer());
  const format = formatOf(head);
  if (!format) {
    return { refused: "This is no recording of the belt. Choose a .dat or .bin file of it." };
  }
  const least = format === "v1" ? V1_HEADER_BYTES : V2_HEADER_BYTES;
  if (file.size <= least) {
    return { refused: "The recording ends inside its header. Transfer it again." };
  }
  return { format };
}

function formatOf(head: DataView): Format | null {
  if (head.byteLength >= 2 && head.getUint16(0, true) === V2_SYNC_SIGNATURE) return "v2";
  if (head.byteLength < 6) return null;
  const seconds = head.getUint32(0, true);
  if (seconds === V2_FILE_SIGNATURE) return "v2";
  const milliseconds = head.getUint16(4, true);
  const isPlausible =
    seconds >= EARLIEST_SECONDS && seconds < LATEST_SECONDS && milliseconds < 1000;
  return isPlausible ? "v1" : null;
}
