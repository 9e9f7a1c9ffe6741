"""What a submission needs beside what everybody has, and the lock that says exactly what it got."""
