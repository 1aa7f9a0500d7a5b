"""Time zones about which servers disagree: their rules, past ones too, were corrected since MongoDB 6.0.5 shipped.

Measured: the local time of every IANA zone on that server against a time-zone database of 2026, monthly and around
every change of offset from 1880 to 2099. Expressions with these zones run in the worker."""

# fmt: off
CHANGED_ZONES = frozenset((
    "Africa/Asmera", "Africa/Cairo", "Africa/Casablanca", "Africa/El_Aaiun", "Africa/Freetown", "Africa/Maputo",
    "Africa/Timbuktu", "America/Asuncion", "America/Bahia_Banderas", "America/Bogota", "America/Cambridge_Bay",
    "America/Cancun", "America/Chihuahua", "America/Ciudad_Juarez", "America/Coral_Harbour", "America/Coyhaique",
    "America/Ensenada", "America/Godthab", "America/Hermosillo", "America/Inuvik", "America/Iqaluit",
    "America/Kralendijk", "America/Lower_Princes", "America/Marigot", "America/Matamoros", "America/Mazatlan",
    "America/Merida", "America/Mexico_City", "America/Miquelon", "America/Monterrey", "America/Montreal",
    "America/Nipigon", "America/Nuuk", "America/Ojinaga", "America/Pangnirtung", "America/Rainy_River",
    "America/Rankin_Inlet", "America/Resolute", "America/Santa_Isabel", "America/Scoresbysund",
    "America/St_Barthelemy", "America/Thunder_Bay", "America/Tijuana", "America/Toronto", "America/Virgin",
    "America/Whitehorse", "America/Yellowknife", "Antarctica/Casey", "Antarctica/South_Pole", "Antarctica/Vostok",
    "Arctic/Longyearbyen", "Asia/Almaty", "Asia/Amman", "Asia/Choibalsan", "Asia/Damascus", "Asia/Gaza",
    "Asia/Hebron", "Asia/Ho_Chi_Minh", "Asia/Manila", "Asia/Qostanay", "Asia/Saigon", "Asia/Tehran",
    "Atlantic/Azores", "Atlantic/Jan_Mayen", "Atlantic/Madeira", "Canada/Eastern", "Canada/Yukon", "Egypt",
    "Europe/Lisbon", "Europe/Uzhgorod", "Europe/Zaporozhye", "Iceland", "Iran", "Mexico/BajaNorte",
    "Mexico/BajaSur", "Mexico/General", "Pacific/Fiji", "Pacific/Ponape", "Pacific/Saipan", "Pacific/Truk",
    "Pacific/Yap", "Portugal",
))
# fmt: on
