# frozen_string_literal: true

require "securerandom"

module Hyperglyph
  module Server
    # The Rack application of a Router. One may be called by any number of threads at once.
    class App
      # Octets of blobs up to which a message is made as a whole, with its length and entity tag.
      WHOLE = 1 << 20
      # Octets of a raw blob up to which it is read beforehand, for its entity tag.
      TAGGED = 16 << 20
      # Calls whose callers have gone away, and which go on; beyond, those with a deadline get 503.
      MAX_ABANDONED = 100
      LOCKS = 64
      # Lines of the beginning and the end of a trace that the log gets.
      TRACE = 30

      # loopback: true if the server listens on loopback only; it then answers for names of loopback alone, unless
      # the router was told its hosts.
      def initialize(router, loopback: false)
        @router = router
        @loopback = loopback
        @calls = Calls.new(MAX_ABANDONED)
        @locks = Array.new(LOCKS) { Mutex.new }.freeze
      end

      # The answer as [status, headers, body], for rack 2 and 3. Raises nothing that a request could cause.
      def call(env)
        request = Request.new(env, @router, loopback: @loopback)
        public_for = nil
        answer = guard do
          request.check
          action, found = target(request)
          public_for = action&.public_for
          action ? perform(request, action, found) : page(request, found)
        end
        answer = answer.cacheable(@router.vary, public_for) if request.get?
        answer.to_rack(head: request.method == "HEAD")
      end

      # An error as an answer of its own, for servers below that refuse a request before it gets here.
      def refused(refusal)
        guard { raise refusal }.to_rack
      end

      private

      # What fails becomes an error extension; what was not declared is told to the log alone (REQ-SAFE-4).
      def guard
        yield
      rescue *FAILURES => error
        failure, logref = failed(error)
        begin
          Answer.error(failure, logref)
        rescue Codec::EncodeError => unencodable
          Answer.error(*failed(unencodable))
        end
      end

      def failed(error)
        logref = SecureRandom.hex(6)
        failure = case error
                  when Failure then error
                  when *Server.client_errors then Failure.new(502, "a call that this one made failed")
                  else Failure.new(500, "internal error")
                  end
        log(failure, error, logref)
        [failure, logref]
      end

      def log(failure, error, logref)
        if failure.equal?(error)
          @router.logger.info { "#{logref} #{failure.status} #{Server.shown(failure.message)}" }
        else
          @router.logger.error do
            trace = error.backtrace.to_a
            trace = trace.first(TRACE) + ["..."] + trace.last(TRACE) if trace.size > 2 * TRACE
            "#{logref} #{failure.status} #{error.class}: #{Server.shown(error.message)}\n  #{trace.join("\n  ")}"
          end
        end
      end

      # What a reference leads to: made when it is called, and not before.
      Found = Struct.new(:description, :state) do
        def instance
          description.restore(state)
        end
      end

      # What a request is for: an action and what its instance is made of, or that alone, or nothing for the root.
      # Raises Refusal with 404, 405, or 400 for a reference that is forged.
      def target(request)
        first, reference, last, *more = request.segments
        return only_get(request) if first.nil?
        return function(request, first) if reference.nil?

        description = @router.description(first)
        nothing unless description && last && more.empty?
        found = Found.new(description, @router.references.read(first, reference))
        return own(request, found) if last.empty?

        action = description.actions[last]
        nothing if action.nil? || action.own?
        [allowed(request, action), found]
      end

      def nothing
        raise Refusal.new(404, NOTHING)
      end

      def only_get(request)
        request.get? ? nil : not_allowed(%w[GET HEAD])
      end

      def function(request, name)
        action = @router.actions[name] or nothing
        [allowed(request, action), nil]
      end

      def own(request, found)
        return [nil, found] if request.get?

        [found.description.own(request.method) || not_allowed(found.description.own_methods), found]
      end

      # What is safe may be asked for by POST, too (REQ-METHOD-8).
      def allowed(request, action)
        methods = action.safe? ? %w[GET HEAD POST] : [action.http_method]
        methods.include?(request.method) ? action : not_allowed(methods)
      end

      def not_allowed(methods)
        raise Refusal.new(405, "only #{methods.join(', ')} here", allow: methods)
      end

      def page(request, found)
        @calls.within(request) do
          instance = found&.instance
          page = new_page(request)
          value = instance ? page.render(instance) : page.root
          message(request, page, value, modified_of(instance)).fit(request)
        end
      end

      def new_page(request)
        Page.new(@router, request.base, partial: request.accept.names?(HTTP::MEDIA_TYPE, "partial" => "1"))
      end

      def modified_of(instance)
        instance && instance.__send__(:reference_modified)
      end

      # All code of the author runs within the deadline: what makes objects of references, the call, the answer.
      def perform(request, action, found)
        arguments = request.arguments(action.safe? ? "form" : action.envelope)
        @calls.within(request) do
          positional, keywords = action.signature.bind(arguments, ->(type, value) { object_of(request, type, value) })
          exclusively(request, action, found) do |instance|
            Server.check_deadline(request.deadline)
            result = action.call(instance, positional, keywords)
            answer_with(request, action, result, modified(action, positional, keywords))
          end
        end
      end

      # The object of a link or resource whose URL is a reference of this service to this class; nil for anything
      # else. Raises Refusal if the reference is forged or stale (REQ-REF-6, REQ-REF-7).
      def object_of(request, type, value)
        return unless value.is_a?(Extension) && %w[link resource].include?(value.name) && value["url"].is_a?(String)

        path = request.path_of(value["url"])
        name, reference, rest = path&.delete_prefix("/")&.split("/", 3)
        description = name && @router.description(HTTP::Forms.percent_decode(name).force_encoding(Encoding::UTF_8))
        return unless description && description.type <= type && rest == ""

        description.restore(@router.references.read(description.name, reference))
      rescue HTTP::Forms::Malformed
        nil
      end

      # Conditions of an unsafe call hold until it is done: the instance is made, judged and called, and no other of
      # its URL is let in between.
      def exclusively(request, action, found)
        return yield(found&.instance) if request.get?
        return check_function(request) { yield(found&.instance) } unless action.own?

        @locks[[found.description.name, found.state].hash % LOCKS].synchronize do
          instance = found.instance
          check_instance(request, instance)
          yield(instance)
        end
      end

      def check_function(request)
        raise Refusal.new(412, "If-Match is for the URL of an instance itself") if request.env["HTTP_IF_MATCH"]

        yield
      end

      # REQ-COND-5: the version of the instance, or the tag of its page.
      def check_instance(request, instance)
        return unless request.env.keys.any? { |name| name.start_with?("HTTP_IF_") }

        page = new_page(request)
        octets = Codec.encode(page.render(instance))
        Conditions.new(request.env, [page.tag_of(instance), Page.tag(octets)], modified_of(instance)).check_unsafe
      end

      def modified(action, positional, keywords)
        given = action.modified
        given.respond_to?(:call) ? given.call(*positional, **keywords) : given
      end

      def answer_with(request, action, result, modified)
        return moved(request, result) if action.redirect? || (!action.safe? && result.is_a?(Resource))
        return Answer.new(204) if result.nil?
        return sequence(request, result) if result.is_a?(Enumerator)
        return raw(request, result, modified) if result.is_a?(Blob) && raw?(request, result)

        page = new_page(request)
        message(request, page, page.render(result), modified).fit(request)
      end

      def moved(request, result)
        return Answer.redirect(new_page(request).url_of(result)) if result.is_a?(Resource)
        return Answer.redirect(result) if result.is_a?(String)

        raise TypeError, "what redirects gives a resource or a URL, not #{result.class}"
      end

      def message(request, page, value, modified)
        headers = modified ? { "last-modified" => modified.httpdate } : {}
        if page.blobs? && (page.blob_octets.nil? || page.blob_octets > WHOLE)
          return Answer.new(200, { "content-type" => HTTP::MEDIA_TYPE, **headers }, MessageBody.new(value))
        end

        Answer.message(Codec.encode(value), tag: request.get?, headers: headers)
      end

      def sequence(request, result)
        return list(request, result) unless request.accept.names?(HTTP::SEQUENCE_TYPE)

        body = SequenceBody.new(result, page: -> { new_page(request) }, failed: method(:failed)) do |&items|
          @calls.known(request) { items.call(request.deadline) }
        end
        Answer.new(200, { "content-type" => HTTP::SEQUENCE_TYPE }, body)
      end

      # REQ-SEQ-7: whole, or an error.
      def list(request, result)
        items = result.first(@router.max_list + 1)
        if items.size > @router.max_list
          raise Refusal.new(500, "more than #{@router.max_list} items: ask for #{HTTP::SEQUENCE_TYPE}")
        end

        page = new_page(request)
        message(request, page, page.render(items), nil).fit(request)
      end

      # REQ-BLOBHTTP-1 and 7; a type that could not stand in a head goes as a message.
      def raw?(request, blob)
        type = HTTP::Headers.media_type(blob.content_type)
        type && HTTP::Headers::PRINTABLE.match?(blob.content_type) &&
          ![HTTP::MEDIA_TYPE, HTTP::SEQUENCE_TYPE].include?(type) &&
          request.accept.names?(HTTP::MEDIA_TYPE) && request.accept.matches?(type)
      end

      def raw(request, blob, modified)
        RawBlob.new(blob, modified, tagged: request.get? && blob.size && blob.size <= TAGGED).answer(request)
      end
    end
  end
end
