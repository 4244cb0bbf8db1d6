"""Word lists for fictional companies and people."""

from __future__ import annotations

ROOT_STARTS = (
    "Vel", "Nor", "Kar", "Sol", "Bri", "Tal", "Mer", "Fen", "Lum", "Ost", "Quin", "Hal", "Ara", "Zen",
    "Cal", "Dor", "Eld", "Fal", "Gra", "Hel", "Iva", "Jor", "Kel", "Lor", "Mar", "Nav", "Ori", "Pel",
    "Ros", "Sil",
)  # fmt: skip
ROOT_ENDS = (
    "ora", "ium", "ent", "eva", "ano", "isto", "ura", "ex", "ium", "omar", "adia", "ilo", "enda", "orix",
    "una", "etta", "ovan", "ista", "eron", "alia", "udo", "inex", "orra", "amis", "ello", "arc", "undo",
    "ivo",
)  # fmt: skip
TRADES = (
    "Logistics", "Analytics", "Foods", "Robotics", "Health", "Energy", "Studios", "Retail", "Textiles",
    "Freight", "Media", "Labs", "Insurance", "Travel", "Optics", "Mobility", "Marine", "Packaging",
    "Legal", "Learning", "Payments", "Games", "Printing", "Ceramics", "Farms", "Instruments",
    "Interiors", "Security", "Staffing", "Telecom",
)  # fmt: skip
INDUSTRIES = {
    "LOGISTICS_AND_SUPPLY_CHAIN": ("Logistics", "Freight", "Packaging", "Marine", "Mobility"),
    "COMPUTER_SOFTWARE": ("Analytics", "Labs", "Robotics", "Payments", "Games", "Security", "Telecom"),
    "RETAIL": ("Foods", "Retail", "Textiles", "Interiors", "Ceramics", "Optics", "Travel"),
    "HOSPITAL_HEALTH_CARE": ("Health", "Instruments"),
    "PROFESSIONAL_TRAINING_COACHING": ("Learning", "Staffing", "Legal", "Insurance"),
    "MEDIA_PRODUCTION": ("Studios", "Media", "Printing"),
    "RENEWABLES_ENVIRONMENT": ("Energy", "Farms"),
}
FIRST_NAMES = (
    "Ada", "Ines", "Bruno", "Clara", "Dario", "Elif", "Farid", "Greta", "Hugo", "Irene", "Jonas", "Kaja",
    "Lena", "Malik", "Nadia", "Oscar", "Petra", "Quentin", "Rania", "Samir", "Tilda", "Umar", "Vera",
    "Wanda", "Xenia", "Yusuf", "Zoe", "Akira", "Hana", "Kenji", "Mina", "Emil", "Freya", "Goran",
    "Hedda", "Ivan", "Jana", "Katya", "Luca", "Mira",
)  # fmt: skip
LAST_NAMES = (
    "Moreau", "Lindqvist", "Okafor", "Tanaka", "Bergmann", "Castillo", "Dubois", "Eriksen", "Ferrari",
    "Gruber", "Haddad", "Ivanova", "Jansen", "Kowalska", "Laurent", "Marchetti", "Nakamura", "Oliveira",
    "Petrov", "Quiroga", "Rossi", "Sato", "Thorne", "Ulrich", "Varga", "Weber", "Yamada", "Zeller",
    "Abadi", "Brandt", "Correia", "Dahl", "Engel", "Fontaine", "Gallo", "Hoffman", "Iversen", "Juhasz",
    "Keller", "Lemaire",
)  # fmt: skip
COUNTRIES = {  # country: (time zone, currency it is billed in, weight)
    "FR": ("Europe/Paris", "eur", 26),
    "DE": ("Europe/Berlin", "eur", 20),
    "ES": ("Europe/Madrid", "eur", 10),
    "NL": ("Europe/Amsterdam", "eur", 8),
    "US": ("America/New_York", "usd", 24),
    "CA": ("America/Toronto", "usd", 5),
    "JP": ("Asia/Tokyo", "jpy", 7),
}
SOURCES = (
    "ORGANIC_SEARCH",
    "PAID_SEARCH",
    "REFERRALS",
    "DIRECT_TRAFFIC",
    "EMAIL_MARKETING",
    "SOCIAL_MEDIA",
    "OFFLINE",
)
FREE_MAIL = ("gmail.com", "outlook.com", "yahoo.com", "gmx.de", "orange.fr")
