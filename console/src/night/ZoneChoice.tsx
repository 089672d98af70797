/** The time zone in which a night is told. */
import { useMemo } from "preact/hooks";
import { browserZone, zones } from "./clock";

interface ZoneChoiceProps {
  zone: string;
  onZone: (zone: string) => void;
}

export function ZoneChoice({ zone, onZone }: ZoneChoiceProps) {
  const all = useMemo(() => zones(zone, browserZone()), [zone]);
  return (
    <label class="night-zone">
      <span>Time zone</span>
      <select value={zone} onChange={(event) => onZone(event.currentTarget.value)}>
        {all.map((one) => (
          <option key={one} value={one} selected={one === zone}>
            {one.replaceAll("_", " ")}
          </option>
        ))}
      </select>
    </label>
  );
}
