import os, sys
sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))
from common.base_agent import BaseAgent
from main_pc_code.utils.store import JsonStore


class LessonStore(BaseAgent):
    def __init__(self):
        super().__init__(name="LessonStore")
        self.lessons = JsonStore("lessons")

    def handle(self, request):
        if "lesson" in request:
            self.lessons.put(str(len(self.lessons)), request["lesson"])
        return list(self.lessons.values.values())[-10:]


if __name__ == "__main__":
    LessonStore().run()
