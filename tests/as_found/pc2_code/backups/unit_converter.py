import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))

from decimal import Decimal

from pc2_code.utils.pc2_agent import Pc2Agent

FACTORS = {("km", "mi"): Decimal("0.621371"), ("kg", "lb"): Decimal("2.20462"), ("l", "gal"): Decimal("0.264172")}


class UnitConverter(Pc2Agent):
    def __init__(self):
        super().__init__(name="UnitConverter")

    def handle(self, request):
        pair = request["from"], request["to"]
        match pair:
            case (same, other) if same == other:
                return request["value"]
            case _ if pair in FACTORS:
                return float(Decimal(str(request["value"])) * FACTORS[pair])
            case else:
                raise LookupError(f"no factor for {pair}")


if __name__ == "__main__":
    UnitConverter().run()
