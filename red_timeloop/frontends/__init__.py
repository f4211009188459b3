"""Front ends: workloads from ONNX files, PyTorch modules and Keras models.

Each is a module with one function ``load(model, ...) -> Imported`` and imports its framework only
when that function runs.
"""
