# frozen_string_literal: true

require_relative "helper"
require "tempfile"
require "zlib"

# Blobs and sequences, both ways (sections 18.3, 19.5 and 20.2).
class TestBodies < Minitest::Test
  include Served

  RAW = "application/vnd.hyperglyph, */*;q=0.5"
  SEQUENCE = "application/vnd.hyperglyph, application/vnd.hyperglyph-seq;q=0.9"

  # Says that it has more than it gives.
  class Short < StringIO
    def size
      super + 1
    end
  end

  def setup
    @left = Queue.new
    serve(max_body: 3 << 20, max_list: 5) do |router|
      router.add(->(file) { [file.size, file.content_type, file.read.sum] }, name: "upload", blob: true)
      router.add(->(file, more) { [file.read.sum, more] }, name: "send")
      router.add(->(value) { value }, name: "echo")
      router.add(->(size, type = "text/plain") { Hyperglyph::Blob.new(("0123456789" * (size / 10 + 1))[0, size], content_type: type) },
                 name: "download", safe: true, defaults: { type: "text/plain" })
      router.add(-> { Hyperglyph::Blob.new(file_of("abc" * 500_000), content_type: "a/b") }, name: "file", safe: true)
      router.add(-> { ["x", Hyperglyph::Blob.new(file_of("abc" * 500_000), content_type: "a/b")] }, name: "within", safe: true)
      router.add(-> { Hyperglyph::Blob.new(IO.popen(%w[printf abc], "rb"), content_type: "a/b") }, name: "pipe", safe: true)
      router.add(-> { Hyperglyph::Blob.new(Short.new("abc"), content_type: "a/b") }, name: "short", safe: true)
      router.add(->(to) { numbers(to) }, name: "count", safe: true)
      router.add(-> { endless }, name: "endless")
      router.add(-> { told { |items| items << Hyperglyph::Server.env["HTTP_X_WHO"] << Hyperglyph::Server.remaining.round } }, name: "known")
      router.add(-> { told { |items| items << 1 && sleep(0.8) && items << 2 } }, name: "late")
      router.add(->(kind) { failing(kind) }, name: "failing")
    end
  end

  def file_of(octets)
    # Not what binmode returns: that is the file below, which is closed as soon as the Tempfile is collected.
    Tempfile.new(binmode: true).tap { |file| file.write(octets) && file.rewind }
  end

  def numbers(to)
    Enumerator.new { |items| (1..to).each { |number| items << number } }
  end

  def told(&block)
    Enumerator.new(&block)
  end

  def endless
    Enumerator.new do |items|
      loop { items << ("x" * 10_000) }
    ensure
      @left << true
    end
  end

  def failing(kind)
    Enumerator.new do |items|
      items << 1
      raise Hyperglyph::Failure.new(409, "declared", code: "c", content: { "a" => 1 }) if kind == "declared"
      raise "secret" if kind == "undeclared"
      raise Hyperglyph::Failure.new(409, "odd", content: { "a" => Object.new }) if kind == "unencodable"

      items << (kind == "end" ? Hyperglyph::Extension.new("end", {}, nil) : Object.new)
    end
  end

  def test_a_body_is_a_blob
    octets = Random.new(1).bytes(2_500_000)
    headers = { "content-type" => "image/png; a=b", "content-disposition" => 'form-data; name="file"' }
    assert_equal [2_500_000, "image/png; a=b", octets.sum], ask("POST", "/upload", body: octets, headers: headers).value
    assert_equal [0, "image/png; a=b", 0], ask("POST", "/upload", body: "", headers: headers).value
    assert_error 413, ask("POST", "/upload", body: "x" * ((3 << 20) + 1), headers: headers)
  end

  def test_how_the_argument_is_named
    {
      "form-data; name=file" => 200, "form-data; name*=UTF-8''fi%6ce" => 200, "FORM-DATA;NAME=\"fi\\le\" ; x=y" => 200,
      "form-data; name=\"other\"; name*=utf-8'en'file" => 200, "form-data; name=\"file\"; filename=\"a;b,c\"" => 200,
      "form-data; name=\"other\"" => 400, "form-data" => 400, "form-data; name=\"file" => 400, "form-data name=file" => 400,
      "inline; name=file" => 400, "form-data; name*=latin-1''file" => 400, "form-data; name*=UTF-8''%ff" => 400,
      "form-data; name*=UTF-8''%f" => 400, "form-data; name=file; name=file" => 400, "" => 400,
      "form-data; name=file, form-data; name=file" => 415
    }.each do |disposition, status|
      answer = ask("POST", "/upload", body: "abc", headers: { "content-disposition" => disposition })
      assert_equal status, answer.status, disposition
    end
    assert_error 415, ask("POST", "/upload", body: "abc")
  end

  def test_a_blob_among_arguments
    file = Hyperglyph::Blob.new("abc" * 700_000, content_type: "a/b")
    assert_equal [file.read.sum, 1], post("/send", { "file" => file, "more" => 1 }).value
    assert_error 400, ask("POST", "/send", body: "Ou4:more;i1;u4:file;B0:D;;;c0:1:a;")
  end

  def test_a_compressed_request
    zipped = Zlib.gzip(Hyperglyph.dump({ "value" => "x" }))
    gzip = { "content-encoding" => "GZip" }
    assert_equal "x", ask("POST", "/echo", body: zipped, headers: gzip).value
    assert_error 400, ask("POST", "/echo", body: zipped[0..-2], headers: gzip)
    assert_error 400, ask("POST", "/echo", body: "#{zipped}x", headers: gzip)
    assert_error 400, ask("POST", "/echo", body: "x", headers: gzip)
    assert_error 413, ask("POST", "/echo", body: Zlib.gzip("Ou5:value;u4000000:#{"x" * 4_000_000};;"), headers: gzip)
    ["gzip, gzip", "br", "identity"].each do |coding|
      assert_error 415, ask("POST", "/echo", body: zipped, headers: { "content-encoding" => coding })
    end
  end

  def test_a_blob_goes_raw_to_who_asks
    raw = get("/download", query: { "size" => 15 }, headers: { "accept" => RAW })
    assert_equal ["text/plain", "012345678901234", "nosniff", "sandbox", "attachment"],
                 [raw.headers["content-type"], raw.body,
                  *raw.headers.values_at("x-content-type-options", "content-security-policy", "content-disposition")]
    [TYPE, "*/*", "text/plain", "#{TYPE};q=0, */*", "#{TYPE}, */*, text/plain;q=0", "#{TYPE}, image/*"].each do |accept|
      assert_instance_of Hyperglyph::Blob, get("/download", query: { "size" => 3 }, headers: { "accept" => accept }).value, accept
    end
  end

  def test_types_that_do_not_go_raw
    ["application/vnd.hyperglyph", "Application/Vnd.Hyperglyph-Seq", "a/b\r\nx: y", "nonsense", "a/b\u00e4"].each do |type|
      answer = get("/download", query: { "size" => 3, "type" => type }, headers: { "accept" => RAW })
      assert_equal [200, TYPE], [answer.status, answer.headers["content-type"]]
      assert_equal type, answer.value.content_type
      assert_nil answer.headers["x"]
    end
  end

  def test_ranges
    query = { "size" => 15 }
    tag = get("/download", query: query, headers: { "accept" => RAW }).headers["etag"]
    { "bytes=2-4" => ["234", "bytes 2-4/15"], "bytes=12-" => ["234", "bytes 12-14/15"], "bytes=-2" => ["34", "bytes 13-14/15"],
      "bytes=-99" => ["012345678901234", "bytes 0-14/15"], "bytes=14-99" => ["4", "bytes 14-14/15"] }.each do |range, wanted|
      answer = get("/download", query: query, headers: { "accept" => RAW, "range" => range, "if-range" => tag })
      assert_equal [206, *wanted], [answer.status, answer.body, answer.headers["content-range"]], range
      assert_equal "sandbox", answer.headers["content-security-policy"]
    end
    ["bytes=15-", "bytes=-0"].each do |range|
      answer = get("/download", query: query, headers: { "accept" => RAW, "range" => range })
      assert_error 416, answer
      assert_equal "bytes */15", answer.headers["content-range"]
    end
    [["bytes=4-2", tag], ["bytes=0-1,3-4", tag], ["items=0-1", tag], ["bytes=-", tag], ["bytes=2-4", "W/#{tag}"], ["bytes=2-4", '"x"']]
      .each do |range, if_range|
      answer = get("/download", query: query, headers: { "accept" => RAW, "range" => range, "if-range" => if_range })
      assert_equal [200, 15], [answer.status, answer.body.size], range
    end
  end

  def test_blobs_are_streamed
    assert_equal "abc" * 500_000, get("/file", headers: { "accept" => RAW }).body
    assert_equal "bcab", get("/file", headers: { "accept" => RAW, "range" => "bytes=1-4" }).body
    within = get("/within")
    assert_equal ["chunked", nil], within.headers.values_at("transfer-encoding", "etag")
    assert_equal ["x", "abc" * 500_000], within.value.then { |text, blob| [text, blob.read] }
    piped = get("/pipe", headers: { "accept" => RAW, "range" => "bytes=0-0" })
    assert_equal [200, "abc", "chunked"], [piped.status, piped.body, piped.headers["transfer-encoding"]]
    assert_equal "abc", get("/pipe").value.read
  end

  def test_a_blob_that_is_shorter_than_it_said_cuts_the_connection
    answer = raw("GET /short HTTP/1.1\r\nHost: 127.0.0.1:#{@server.port}\r\nAccept: #{RAW}\r\n\r\n") { |socket| socket }
    assert_match(/content-length: 4/i, answer)
    assert answer.end_with?("\r\n\r\nabc"), answer
  end

  def test_a_sequence
    answer = get("/count", query: { "to" => 2 }, headers: { "accept" => SEQUENCE })
    assert_equal ["#{TYPE}-seq", "i1;i2;Xu3:end;D;N;;"], [answer.headers["content-type"], answer.body]
    assert_equal [1, 2], get("/count", query: { "to" => 2 }).value
    assert_equal [1, 2], get("/count", query: { "to" => 2 }, headers: { "accept" => "*/*, #{TYPE}-seq;q=0" }).value
    assert_equal [1, 2, 3, 4, 5], get("/count", query: { "to" => 5 }).value
    assert_error 500, get("/count", query: { "to" => 6 })
    assert_equal 6, get("/count", query: { "to" => 6 }, headers: { "accept" => SEQUENCE }).body.scan(/i\d;/).size
  end

  def test_a_sequence_that_fails
    told = post("/failing", { "kind" => "declared" }, headers: { "accept" => SEQUENCE }).body
    assert_match(/\Ai1;Xu3:end;Du6:status;i409;;Xu5:error;Du6:logref;u12:\h{12};u7:message;u8:declared;u4:code;u1:c;;Du1:a;i1;;;;\z/, told)
    %w[undeclared end object unencodable].each do |kind|
      hidden = post("/failing", { "kind" => kind }, headers: { "accept" => SEQUENCE }).body
      assert_match(/\Ai1;Xu3:end;Du6:status;i500;;Xu5:error;.*u14:internal error;;D;;;\z/, hidden)
      assert_includes @log.string, hidden[/logref;u12:(\h+)/, 1]
    end
    assert_error 409, post("/failing", { "kind" => "declared" })
    assert_error 500, post("/failing", { "kind" => "undeclared" })
  end

  def test_a_sequence_knows_its_call
    answer = post("/known", headers: { "accept" => SEQUENCE, "hyperglyph-timeout" => "30", "x-who" => "me" })
    assert_equal "b2:me;i30;Xu3:end;D;N;;", answer.body
    late = post("/late", headers: { "accept" => SEQUENCE, "hyperglyph-timeout" => "0.6" }).body
    assert_match(/\Ai1;Xu3:end;Du6:status;i504;;Xu5:error;/, late)
  end

  def test_a_sequence_ends_when_its_client_leaves
    socket = TCPSocket.new("127.0.0.1", @server.port)
    socket.write("POST /endless HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: #{TYPE}\r\nAccept: #{SEQUENCE}\r\n" \
                 "Content-Length: 2\r\n\r\nO;")
    assert_match(/\AHTTP\/1\.1 200/, socket.readpartial(100))
    assert @left.empty?
    socket.close
    deadline = Hyperglyph::HTTP::Deadline.now + 10
    sleep(0.01) while @left.empty? && Hyperglyph::HTTP::Deadline.now < deadline
    refute @left.empty?, "items are still made"
  end
end
