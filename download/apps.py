from writeorperish.ops.apps import ModelsInRooms


class DownloadConfig(ModelsInRooms):
    name = "download"
    default = True
