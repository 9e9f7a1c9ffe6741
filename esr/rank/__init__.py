"""From records and official results to who stands where: figures -> scores -> ranking."""
