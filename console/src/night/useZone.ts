/** Which time zone a page tells its times in: as asked for, else the address's, else the browser's. */
import { useState } from "preact/hooks";
import { browserZone, isZone } from "./clock";

export function useZone(asked: string | undefined): [string, (zone: string) => void] {
  const [chosen, setChosen] = useState<string | null>(null);
  const inAddress = new URLSearchParams(location.search).get("zone") ?? undefined;
  const first = [asked, inAddress].find((zone) => zone !== undefined && isZone(zone));
  return [chosen ?? first ?? browserZone(), setChosen];
}
