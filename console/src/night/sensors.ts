/** The sensors of a recording and when each of them was off. */
import type { NightResult } from "./response";
import type { SensorOff } from "./result.gen";

export interface SensorFacts {
  name: string;
  /** Whether it gives a signal at some time; null where the result does not tell. */
  live: boolean | null;
  off: SensorOff[];
  offSeconds: number;
}

export function sensorFacts(result: NightResult): SensorFacts[] {
  const { live_sensors: live, sensors_off: rows } = result.recording;
  const imu = result.overview?.groups.find(({ group }) => group === "imu");
  const names = new Set([...live, ...rows.map(({ sensor }) => sensor), ...(imu ? ["imu"] : [])]);
  return [...names].sort(imuLast).map((name) => {
    const off = rows.filter(({ sensor }) => sensor === name);
    return {
      name,
      live: name === "imu" ? (imu ? imu.levels !== null : null) : live.includes(name),
      off,
      offSeconds: off.reduce((sum, row) => sum + row.end_seconds - row.start_seconds, 0),
    };
  });
}

function imuLast(one: string, other: string): number {
  if (one === "imu" || other === "imu") return Number(one === "imu") - Number(other === "imu");
  return one.localeCompare(other);
}
